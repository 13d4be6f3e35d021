import { seenPods } from './inspection.ts';
import type { World } from './world.ts';

const MAX_LENGTH = 400;

/** Why the new revision lacks pods, by its ReplicaSet's controller or by the pods that were looked at; empty when nobody says. */
export function podTrouble(w: World): string {
  const refused = w.newSet?.podsRefused;
  if (refused !== undefined) return `; pods cannot be made: ${refused.slice(0, MAX_LENGTH)}`;
  const waiting = seenPods(w, w.stored ?? {}).find(pod => pod.waiting !== undefined);
  return waiting ? `; pod ${waiting.name} waits: ${waiting.waiting}` : '';
}
