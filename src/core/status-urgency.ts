import type { RevisionRef, RolloutStatus } from '../api/rollout-status.ts';
import { isSame } from './same-json.ts';

/** Members that only show: they are derived anew from the world in each pass. */
const SHOWN = [
  'message',
  'replicas',
  'updatedReplicas',
  'readyReplicas',
  'availableReplicas',
  'display',
  'progress',
  'weights',
  'conditions',
] as const satisfies readonly (keyof RolloutStatus)[];

/** For what only shows. While many canaries get their pods at once each of them takes a second or two from change to change. */
const MOMENT_MS = 2_000;
/** For the last value of a gate, which may be another one with every measurement. */
const GLANCE_MS = 10_000;

/**
 * Milliseconds for which a new status may wait to be stored, together with what follows; for longer while many do
 * (`src/operator/status-delay.ts`). None when anything differs that a later decision rests on. Counts, texts and the weight that
 * was seen are derived again from the world. So is the end of a timed pause: its start is stored, and the clock does the rest.
 * Conditions are urgent when one of them flips, unless this pass acts (`isActing`): then another one follows at once, and tells
 * what came of it.
 */
export function statusWaitMs(
  before: RolloutStatus | undefined,
  after: RolloutStatus,
  names: readonly string[],
  isActing: boolean,
): number {
  if (!before || !isSame(loadBearing(before, after, names), loadBearing(after, after, names))) return 0;
  if (!isActing && !isSame(flagsOf(before), flagsOf(after))) return 0;
  return isSame(withoutGate(before), withoutGate(after)) ? GLANCE_MS : MOMENT_MS;
}

function withoutGate(status: RolloutStatus): RolloutStatus {
  const { gate: _last, ...display } = status.display ?? {};
  return { ...status, display };
}

function loadBearing(status: RolloutStatus, after: RolloutStatus, names: readonly string[]): unknown {
  const rest: Partial<RolloutStatus> = { ...status };
  for (const member of SHOWN) delete rest[member];
  if (onlyPausesEnded(status, after, names)) {
    delete rest.pause;
    rest.step = after.step;
  }
  return {
    ...rest,
    stable: withoutSet(status.stable),
    canary: withoutSet(status.canary),
    scaleDowns: status.scaleDowns?.filter(({ replicaSet }) => isPlanned(after, replicaSet)) ?? [],
    // An abort is done when traffic is back, and that is told at once.
    ...(after.abort ? { weight: status.weights?.actualCanary } : {}),
  };
}

/** A plan that has been carried out, or was given up, is found to be so again. */
function isPlanned({ scaleDowns = [] }: RolloutStatus, name: string): boolean {
  return scaleDowns.some(({ replicaSet }) => replicaSet === name);
}

const flagsOf = ({ conditions = [] }: RolloutStatus) => conditions.map(({ type, status }) => `${type}=${status}`);

/** The name of a revision's ReplicaSet is found again by its hash. */
function withoutSet(ref: RevisionRef | undefined): Partial<RevisionRef> | undefined {
  if (!ref) return undefined;
  const { replicaSet: _found, ...rest } = ref;
  return rest;
}

/** From a step to a later one, with nothing but timed pauses between. That it is the same trial is compared with the rest. */
function onlyPausesEnded(status: RolloutStatus, after: RolloutStatus, names: readonly string[]): boolean {
  const { step } = status;
  const next = after.step;
  if (!step || !next || step.stepsHash !== next.stepsHash || next.index <= step.index) return false;
  return names.slice(step.index, next.index).every(name => name.startsWith('pause') && name !== 'pause until promoted');
}
