import { isFromWrongClock, toTime } from '../api/time.ts';
import type { Action } from './decision.ts';
import type { Draft } from './draft.ts';
import { keptRevision } from './revisions.ts';
import type { World } from './world.ts';

/** Between two times that a template is set back, milliseconds: whoever writes it again and again must not have us do the same. */
const APART_MS = 60_000;

/**
 * Sets back the pod templates that somebody else has written: their next pods would run what Git never declared, under the name of
 * a revision that was verified.
 */
export function restoreTemplates(w: World, d: Draft): Action[] {
  return w.sets.flatMap((set): Action[] => {
    const { templateWrittenBy: by, templateRestoredAt: before, target } = set;
    const revision = by === undefined || set.deleting ? undefined : keptRevision(w, set.hash);
    if (by === undefined || !revision) return [];
    if (before !== undefined && !isFromWrongClock(before, w.now) && before + APART_MS > w.now) {
      d.wakes.push(before + APART_MS);
      return [];
    }
    return [{ type: 'RestoreTemplate', target, revisionName: revision.metadata.name, by, at: toTime(w.now) }];
  });
}
