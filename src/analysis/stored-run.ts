import {
  type AnalysisRunSpec,
  type AnalysisRunStatus,
  analysisRunSpecSchema,
  analysisRunStatusSchema,
} from '../api/analysis-run.ts';
import { lately } from '../api/lately.ts';
import { withoutIdleMaxAge } from './idle-max-age.ts';

const readSpec = lately((raw: unknown) => analysisRunSpecSchema.safeParse(withoutIdleMaxAge(raw)).data);
const readStatus = lately((raw: unknown) => analysisRunStatusSchema.safeParse(raw).data);

/** A run as it is stored, or none. */
type StoredRun = { readonly [field: string]: unknown } | undefined;

/** The spec of a stored run; undefined when it is not one that the operator could have written. */
export const runSpecOf = (run: StoredRun): AnalysisRunSpec | undefined => readSpec(run?.['spec']);

/** The status of a stored run; undefined when there is none, or none that can be read. */
export const runStatusOf = (run: StoredRun): AnalysisRunStatus | undefined => readStatus(run?.['status']);
