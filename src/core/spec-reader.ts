import type { ApiObject } from '../api/object-meta.ts';
import { type RolloutSpec, rolloutSpecSchema } from '../api/rollout.ts';
import { type RolloutStatus, rolloutStatusSchema } from '../api/rollout-status.ts';

export type SpecReading = { readonly ok: true; readonly spec: RolloutSpec } | { readonly ok: false; readonly issues: readonly string[] };

const readings = new WeakMap<object, SpecReading>();

/** Reads the spec of a Rollout. Objects may have been stored around the schema, so it is judged again here. */
export function readSpec(rollout: ApiObject): SpecReading {
  const raw = rollout['spec'];
  if (typeof raw !== 'object' || raw === null) return { ok: false, issues: ['spec is missing'] };
  const known = readings.get(raw);
  if (known) return known;
  const parsed = rolloutSpecSchema.safeParse(raw);
  const reading: SpecReading = parsed.success
    ? { ok: true, spec: parsed.data }
    : { ok: false, issues: parsed.error.issues.slice(0, 10).map(issue => describe(issue.path, issue.message)) };
  readings.set(raw, reading);
  return reading;
}

/** Status as stored; undefined when there is none or when it is not ours to understand. */
export function readStatus(rollout: ApiObject): RolloutStatus | undefined {
  const parsed = rolloutStatusSchema.safeParse(rollout['status']);
  return parsed.success ? parsed.data : undefined;
}

function describe(path: readonly PropertyKey[], message: string): string {
  const where = path.map(part => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('');
  return `spec${where}: ${message}`.slice(0, 300);
}
