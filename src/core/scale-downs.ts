import type { RolloutStatus } from '../api/rollout-status.ts';
import { toTime } from '../api/time.ts';
import type { Draft } from './draft.ts';
import type { Intent } from './intent.ts';
import type { ReplicaSetView } from './replica-set-view.ts';
import type { World } from './world.ts';

type ScaleDowns = NonNullable<RolloutStatus['scaleDowns']>;

/** As many as the schema of the status allows; who has more sets with pods waits for the first to leave. */
const MOST = 100;

/**
 * Says in status which sets will be scaled to 0, and when. It is planned in passes whose status is stored at once anyway, and
 * costs no write of its own then. The first to leave come first: the order in which sets are seen means nothing.
 */
export function noteScaleDowns(w: World, d: Draft, intent: Intent): void {
  const planned: ScaleDowns = [];
  for (const set of w.sets) {
    const at = scaleDownAt(set, intent);
    if (at === undefined) continue;
    planned.push({ replicaSet: set.name, at: toTime(at) });
    if (at > w.now) d.wakes.push(at);
  }
  const order = ({ at, replicaSet }: ScaleDowns[number]) => `${at} ${replicaSet}`;
  planned.sort((a, b) => (order(a) < order(b) ? -1 : 1));
  if (planned.length > 0) d.status.scaleDowns = planned.slice(0, MOST);
  else delete d.status.scaleDowns;
}

/** Whether an older set need not be kept during a trial: its time has come, or no delay was ever planned for it. */
export function mayLeave(w: World, set: ReplicaSetView): boolean {
  return set.scaleDownAt === undefined || set.scaleDownAt <= w.now;
}

/** Epoch milliseconds: as planned before, unless the set is wanted again. */
function scaleDownAt(set: ReplicaSetView, intent: Intent): number | undefined {
  if (set.spec === 0) return undefined;
  const isWanted = (intent.scale.get(set.name) ?? 0) > 0;
  return intent.scaleDownAt.get(set.name) ?? (isWanted ? undefined : set.scaleDownAt);
}
