import type { RolloutStatus } from '../api/rollout-status.ts';
import { toTime } from '../api/time.ts';
import type { Draft } from './draft.ts';
import type { Intent } from './intent.ts';
import type { ReplicaSetView } from './replica-set-view.ts';
import type { World } from './world.ts';

type ScaleDowns = NonNullable<RolloutStatus['scaleDowns']>;

/** As many as the schema of the status allows; who has more sets with pods waits for the first to leave. */
const MOST = 100;

/** Says in status which sets will be scaled to 0, and when: it is stored with what the pass tells anyway, and needs no write. */
export function noteScaleDowns(w: World, d: Draft, intent: Intent): void {
  const planned: ScaleDowns = [];
  for (const set of w.sets) {
    const at = scaleDownAt(set, intent);
    if (at === undefined) continue;
    planned.push({ replicaSet: set.name, at: toTime(at) });
    if (at > w.now) d.wakes.push(at);
  }
  if (planned.length > 0) d.status.scaleDowns = planned.slice(0, MOST);
  else delete d.status.scaleDowns;
}

/** Epoch milliseconds: as planned before, unless the set is wanted again. */
function scaleDownAt(set: ReplicaSetView, intent: Intent): number | undefined {
  if (set.spec === 0) return undefined;
  const isWanted = (intent.scale.get(set.name) ?? 0) > 0;
  return intent.scaleDownAt.get(set.name) ?? (isWanted ? undefined : set.scaleDownAt);
}
