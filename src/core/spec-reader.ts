import { lately } from '../api/lately.ts';
import type { ApiObject } from '../api/object-meta.ts';
import { type RolloutSpec, rolloutSpecSchema } from '../api/rollout.ts';
import { type RevisionRef, type RolloutStatus, revisionRefSchema, rolloutStatusSchema } from '../api/rollout-status.ts';
import { specIssue } from '../api/spec-issue.ts';

export type SpecReading =
  | { readonly ok: true; readonly spec: RolloutSpec }
  | { readonly ok: false; readonly issues: readonly string[] };

const LONGEST_NAME = 63;
const readings = new WeakMap<object, SpecReading>();

/** Reads the spec of a Rollout. Objects may have been stored around the schema, so it is judged again here. */
export function readSpec(rollout: ApiObject): SpecReading {
  const raw = rollout['spec'];
  if (rollout.metadata.name.length > LONGEST_NAME)
    return {
      ok: false,
      issues: [`metadata.name is longer than ${LONGEST_NAME} characters, which a label value may have`],
    };
  if (typeof raw !== 'object' || raw === null) return { ok: false, issues: ['spec is missing'] };
  const known = readings.get(raw);
  if (known) return known;
  const parsed = rolloutSpecSchema.safeParse(raw);
  const reading: SpecReading = parsed.success
    ? { ok: true, spec: parsed.data }
    : { ok: false, issues: parsed.error.issues.slice(0, 10).map(specIssue) };
  readings.set(raw, reading);
  return reading;
}

/**
 * Status as stored; undefined when there is none. A field that cannot be read, such as a reason of a later version, is
 * left out alone: to forget which revision is stable would be to deploy the declared one without any gate.
 */
export function readStatus(rollout: ApiObject): RolloutStatus | undefined {
  return parseStatus(rollout['status']);
}

const parseStatus = lately((raw: unknown): RolloutStatus | undefined => {
  const parsed = rolloutStatusSchema.safeParse(raw);
  if (parsed.success) return parsed.data;
  if (typeof raw !== 'object' || raw === null || Object.keys(raw).length === 0) return undefined;
  const unreadable = new Set(parsed.error.issues.map(issue => issue.path[0]));
  const rest = Object.entries(raw).filter(([key]) => !unreadable.has(key));
  const salvaged = rolloutStatusSchema.safeParse({ phase: 'Progressing', ...Object.fromEntries(rest) });
  if (!salvaged.success) return undefined;
  const stable = salvaged.data.stable ?? identityOf((raw as Record<string, unknown>)['stable']);
  return stable ? { ...salvaged.data, stable } : salvaged.data;
});

/** Which revision a reference means, when something else in it cannot be read. */
function identityOf(ref: unknown): RevisionRef | undefined {
  const { revision, podTemplateHash, replicaSet } = (ref ?? {}) as Record<string, unknown>;
  const number = typeof revision === 'number' && Number.isInteger(revision) && revision > 0 ? revision : 1;
  const kept = revisionRefSchema.safeParse({ revision: number, podTemplateHash, replicaSet });
  return kept.success ? kept.data : undefined;
}
