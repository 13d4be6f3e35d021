import type { World } from './world.ts';

/** What the pods of the new revision say about themselves, when they were looked at; empty when nothing. */
export function podTrouble(w: World): string {
  const seen = w.snapshot.inspection;
  if (seen?.podTemplateHash !== w.hash) return '';
  const waiting = seen.pods.find(pod => pod.waiting !== undefined);
  return waiting ? `; pod ${waiting.name} waits: ${waiting.waiting}` : '';
}
