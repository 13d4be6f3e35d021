import {
  type AnalysisRunSpec,
  type AnalysisRunStatus,
  analysisRunSpecSchema,
  analysisRunStatusSchema,
} from '../api/analysis-run.ts';
import { lately } from '../api/lately.ts';

const readRunSpec = lately((raw: object) => analysisRunSpecSchema.safeParse(raw));
const readStatus = lately((raw: object) => analysisRunStatusSchema.safeParse(raw));

/** The spec of a stored run; undefined when it is not one that the operator could have written. */
export function runSpecOf(run: { readonly [field: string]: unknown } | undefined): AnalysisRunSpec | undefined {
  const raw = run?.['spec'];
  return isObject(raw) ? readRunSpec(raw).data : undefined;
}

/** The status of a stored run; undefined when there is none, or none that can be read. */
export function runStatusOf(run: { readonly [field: string]: unknown } | undefined): AnalysisRunStatus | undefined {
  const raw = run?.['status'];
  return isObject(raw) ? readStatus(raw).data : undefined;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
