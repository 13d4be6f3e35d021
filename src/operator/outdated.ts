import { HASH_LABEL } from '../api/names.ts';
import type { RolloutStatus } from '../api/rollout-status.ts';
import type { Action, Decision } from '../core/decision.ts';
import { isSame } from '../core/same-json.ts';
import { isRecord, type KubeObject } from '../kube/kube-object.ts';
import type { Outcome } from './act.ts';
import type { Doubt, RolloutMemory } from './memory.ts';

const ALWAYS: readonly Action['type'][] = [
  'SelectRevision',
  'ScaleReplicaSet',
  'CreateAnalysisRun',
  'TerminateAnalysisRun',
  'Delete',
];

/** How sure it has to be that the Rollout is still stored as it was looked at: not at all, as its version is known, or by asking. */
export type Certainty = 'none' | 'known' | 'asked';

/**
 * How sure an action needs to be of the Rollout. It may do harm when it was decided on one that is no longer the stored one: it
 * moves users, takes pods away or brings those of a failed revision back, or ends a measurement. The object that it writes
 * cannot tell, since its own version may well be the newest. Less weight for the canary is always safe and never waits.
 *
 * Something is created for a Rollout in the state in which this process saw it first only when it is there, since what
 * a start shows may be long outdated; and created anew only after asking: what vanished may be the first sign that the Rollout is deleted, whose
 * version then is still the one that is known.
 */
export function certaintyFor(
  action: Action,
  rollout: KubeObject,
  known: Pick<RolloutMemory, 'firstVersion'>,
): Certainty {
  const isFirstSeen = known.firstVersion === rollout.metadata.resourceVersion;
  switch (action.type) {
    case 'PatchRoute':
      return action.lowers ? 'none' : 'known';
    case 'RestoreReplicaSet':
      return 'asked';
    case 'CreateRevision':
    case 'CreateReplicaSet':
      if (hashesOf(rollout).includes(action.object.metadata.labels?.[HASH_LABEL])) return 'asked';
      return isFirstSeen ? 'known' : 'none';
    case 'CreateService':
    case 'CreateRoute':
      if (isSteered(rollout, action.object.metadata.name)) return 'asked';
      return isFirstSeen ? 'known' : 'none';
    default:
      return ALWAYS.includes(action.type) ? 'known' : 'none';
  }
}

/** Whether this was there before, by the stored status. */
function isSteered({ status }: KubeObject, name: string): boolean {
  const steered = member(status, 'steered');
  const services = member(steered, 'services');
  return (Array.isArray(services) && services.includes(name)) || member(member(steered, 'route'), 'name') === name;
}

/** The revisions that may have children already, by the stored status. */
function hashesOf(rollout: KubeObject): unknown[] {
  const { status } = rollout;
  return ['stable', 'canary', 'desired'].map(side => member(member(status, side), 'podTemplateHash'));
}

/**
 * What is to be looked at again before anything is told, since after a start its watch may lag behind that of Rollouts. What was
 * read or made by this process is in no doubt: all that comes is news. To send users home never waits.
 */
export function doubtOf(known: RolloutMemory, { actions, status }: Decision, stored: unknown): Doubt | undefined {
  if (!status || !isRecord(stored)) return undefined;
  const isAbort = isNewAbort(stored, status);
  const isHome = (action: Action) =>
    (action.type === 'PatchRoute' && action.lowers) ||
    (action.type === 'SelectRevision' && isAbort && status.weights === undefined);
  if (actions.some(isHome)) return undefined;
  const isTrafficKnown = known.lastWeight !== undefined || known.certain.has('traffic');
  if (!isTrafficKnown && (isAbort || isOtherWeight(stored, status))) return 'traffic';
  if (isAbort || known.certain.has('analysisRuns')) return undefined;
  const isRaised =
    status.abort === undefined && isMeasured(stored) && actions.some(action => isMoreTraffic(action, stored));
  return isRaised || endsTrial(stored, status) ? 'analysisRuns' : undefined;
}

/** A run of this trial may have failed before the start: whoever stored that may not have lived to act on it. */
export function isMeasured(stored: unknown): boolean {
  const analysis = member(stored, 'analysis');
  return isRecord(analysis) && Object.keys(analysis).length > 0;
}

/** To what is tried. A Service that goes back, or is put right, waits for nothing. */
function isMoreTraffic(action: Action, { canary }: Record<string, unknown>): boolean {
  if (action.type === 'SelectRevision') return action.podTemplateHash === member(canary, 'podTemplateHash');
  return action.type === 'PatchRoute' && !action.lowers;
}

/** What a cache that lags shows reads as traffic that somebody moved, or to an abort as traffic that never was. */
function isOtherWeight(stored: Record<string, unknown>, { weights }: RolloutStatus): boolean {
  const weight = member(stored['weights'], 'actualCanary');
  return weight !== undefined && weights !== undefined && weight !== weights.actualCanary;
}

/** What was measured is noted for good when a trial ends. */
function endsTrial(stored: Record<string, unknown>, status: RolloutStatus): boolean {
  const { canary, history = [] } = stored as Partial<RolloutStatus>;
  return canary !== undefined && !isSame(status.history?.[0], history[0]);
}

/** Whether a status holds a verdict that is not stored yet. */
export function isNewAbort(stored: unknown, { abort }: RolloutStatus): boolean {
  return abort !== undefined && member(member(stored, 'abort'), 'at') !== abort.at;
}

const member = (value: unknown, name: string): unknown => (isRecord(value) ? value[name] : undefined);

/**
 * A conflict when the stored Rollout is another one than `rollout`, which a cache may show for as long as its watch lags. The
 * version that this process wrote last, or has asked about before, is known to be the stored one: most passes ask nothing.
 * `readStored` reads it, and lets the cache know.
 * @throws ApiError
 */
export async function findOutdated(
  readStored: () => Promise<KubeObject | undefined>,
  known: RolloutMemory,
  rollout: KubeObject,
  certainty: Exclude<Certainty, 'none'>,
): Promise<Extract<Outcome, { kind: 'conflict' }> | undefined> {
  const { namespace, name, resourceVersion } = rollout.metadata;
  const isKnown = resourceVersion !== undefined && known.currentVersion === resourceVersion;
  if (isKnown && certainty === 'known') return undefined;
  const stored = await readStored();
  if (stored?.metadata.resourceVersion === resourceVersion) {
    known.currentVersion = resourceVersion;
    return undefined;
  }
  return { kind: 'conflict', error: new Error(`Rollout ${namespace}/${name} has changed since it was looked at`) };
}
