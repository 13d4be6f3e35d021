import { resolveRun } from '../analysis/resolve-run.ts';
import type { Because } from './decision.ts';
import type { WantedRun } from './intent.ts';
import { findRun } from './run-names.ts';
import { templatesOf } from './runs.ts';
import type { World } from './world.ts';

const NO_ARGS = {
  'stable-hash': '',
  'canary-hash': '',
  'stable-replicaset': '',
  'canary-replicaset': '',
  namespace: '',
  rollout: '',
};

/**
 * Whether every analysis that a trial has still to run could begin: its templates exist and can be merged. Looked at
 * before any traffic moves, because a gate that cannot be built would be found when users are already behind it. A run
 * that has begun carries its own copy of the templates.
 */
export function missingAnalysis(w: World, ahead: readonly WantedRun[]): Because | undefined {
  for (const wanted of ahead) {
    if (findRun(w, wanted.name)) continue;
    const resolved = resolveRun(wanted.use, templatesOf(w, wanted), NO_ARGS);
    if (!resolved.ok) return { reason: resolved.reason, message: resolved.message };
  }
  return undefined;
}
