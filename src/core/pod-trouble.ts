import { seenPods } from './inspection.ts';
import type { World } from './world.ts';

/** What the pods of the new revision say about themselves, when they were looked at; empty when nothing. */
export function podTrouble(w: World): string {
  const waiting = seenPods(w, w.stored ?? {}).find(pod => pod.waiting !== undefined);
  return waiting ? `; pod ${waiting.name} waits: ${waiting.waiting}` : '';
}
