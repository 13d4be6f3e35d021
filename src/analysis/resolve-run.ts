import { type AnalysisRunSpec, RUN_LIMITS } from '../api/analysis-run.ts';
import {
  type AnalysisArg,
  type AnalysisTemplateSpec,
  type AnalysisUse,
  analysisTemplateSpecSchema,
} from '../api/analysis-template.ts';
import type { ApiObject } from '../api/object-meta.ts';
import { firstIssue } from '../api/spec-issue.ts';
import { withoutIdleMaxAge } from './idle-max-age.ts';

/** Values that every template may use without asking. */
export type BuiltInArgs = Readonly<
  Record<'stable-hash' | 'canary-hash' | 'stable-replicaset' | 'canary-replicaset' | 'namespace' | 'rollout', string>
>;

export type RunResolution =
  | { readonly ok: true; readonly spec: AnalysisRunSpec }
  | { readonly ok: false; readonly reason: 'TemplateMissing' | 'TemplateInvalid'; readonly message: string };

/**
 * Merges the templates that a Rollout names into the spec of one AnalysisRun. Secret references stay references: a
 * run is readable by more people than a Secret. Problems are answered in a sentence, never thrown.
 */
export function resolveRun(
  use: AnalysisUse,
  templates: readonly { readonly name: string; readonly object: ApiObject | null }[],
  builtIn: BuiltInArgs,
): RunResolution {
  const specs: AnalysisTemplateSpec[] = [];
  for (const { name, object } of templates) {
    if (!object) return missing(`analysis template ${name} does not exist; create it or change the reference`);
    const parsed = analysisTemplateSpecSchema.safeParse(withoutIdleMaxAge(object['spec']));
    if (!parsed.success) return invalid(`analysis template ${name}: ${firstIssue(parsed.error)}`);
    specs.push(parsed.data);
  }
  const metrics = specs.flatMap(spec => spec.metrics);
  const twice = metrics.find((metric, index) => metrics.findIndex(m => m.name === metric.name) !== index);
  if (twice) return invalid(`two templates define the metric "${twice.name}"; rename one`);

  const args = mergeArgs(specs, use.args ?? [], builtIn);
  const unset = args.find(arg => arg.value === undefined && arg.valueFrom === undefined);
  if (unset) return invalid(`argument "${unset.name}" has no value; give it in the Rollout or as a default`);
  const dryRun = [...specs.flatMap(spec => spec.dryRun ?? []), ...(use.dryRun ?? [])];
  const excess = tooMuch('metrics', metrics) ?? tooMuch('args', args) ?? tooMuch('dryRun', dryRun);
  if (excess !== undefined) return invalid(excess);
  return { ok: true, spec: { metrics, args, ...(dryRun.length > 0 ? { dryRun } : {}) } };
}

/* The API server would refuse the run, again and again, without its Rollout saying why. */
function tooMuch(what: keyof typeof RUN_LIMITS, { length }: readonly unknown[]): string | undefined {
  const most = RUN_LIMITS[what];
  if (length <= most) return undefined;
  return `templates and Rollout together have ${length} ${what}, and a run takes at most ${most}; use fewer templates`;
}

function mergeArgs(
  specs: readonly AnalysisTemplateSpec[],
  given: readonly AnalysisArg[],
  builtIn: BuiltInArgs,
): AnalysisArg[] {
  const merged = new Map<string, AnalysisArg>();
  for (const arg of specs.flatMap(spec => spec.args ?? []))
    if (!merged.has(arg.name) || hasValue(arg)) merged.set(arg.name, arg);
  for (const arg of given) merged.set(arg.name, arg);
  for (const [name, value] of Object.entries(builtIn)) merged.set(name, { name, value });
  return [...merged.values()];
}

function hasValue(arg: AnalysisArg): boolean {
  return arg.value !== undefined || arg.valueFrom !== undefined;
}

function missing(message: string): RunResolution {
  return { ok: false, reason: 'TemplateMissing', message };
}

function invalid(message: string): RunResolution {
  return { ok: false, reason: 'TemplateInvalid', message };
}
