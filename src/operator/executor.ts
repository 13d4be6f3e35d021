import type { Action, Decision, Fact } from '../core/decision.ts';
import type { Clock } from '../kube/clock.ts';
import { ApiError } from '../kube/errors.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import type { Actor, Outcome } from './act.ts';
import type { Caches } from './caches.ts';
import type { LiveReader } from './live-reader.ts';
import type { Log } from './log.ts';
import type { Memory, RolloutMemory } from './memory.ts';
import { type Certainty, certaintyFor, findOutdated, isMeasured } from './outdated.ts';
import { isAnswerLost, notOwedAnyMore, oweAction } from './owed-report.ts';

/** What an {@link Executor} works with. */
export interface ExecutorParts {
  readonly actor: Actor;
  readonly caches: Caches;
  readonly liveReader: LiveReader;
  readonly memory: Memory;
  readonly log: Log;
  readonly clock: Clock;
  /** Lets urgent Rollouts that wait go first; false when there are none. */
  readonly stepAside: () => Promise<boolean>;
}

type Trouble = Exclude<Outcome, { kind: 'done' }>;

/** What became of a decision's actions. */
export interface Acted {
  /** Why not all of them were done. */
  readonly trouble: Trouble | { readonly kind: 'aside' } | undefined;
  /** What tells of those that were. */
  readonly acted: readonly Fact[];
}

/** Refusals of a route patch, each a few milliseconds apart at first, before they are taken for final. */
const REFUSALS = 6;
/** Enough to see a write loop on each of a strategy's Services. */
const KEPT_SELECTOR_WRITES = 40;

/** Carries out what was decided about a Rollout, in order. */
export class Executor {
  readonly #parts: ExecutorParts;

  constructor(parts: ExecutorParts) {
    this.#parts = parts;
  }

  /**
   * Stops at the first action that does not succeed and remembers what repeating cannot mend. An abort whose traffic is home
   * lets others send theirs home first; then its verdict is stored, and the rest is for the next pass.
   */
  async carryOut(key: string, rollout: KubeObject, { actions, status, facts }: Decision): Promise<Acted> {
    const { memory, log, clock, stepAside } = this.#parts;
    const known = memory.of(key);
    const acted: Fact[] = [];
    let first: Trouble | undefined;
    for (const action of actions) {
      if (first && !isSafeAfterFailure(action)) continue;
      const outdated = await this.#outdated(known, rollout, certaintyFor(action, rollout, known));
      const outcome = outdated ?? (await this.#perform(known, rollout, action));
      if (outcome.kind === 'done') {
        noteDone(known, action, clock.now());
        // The first of a trial: there are no others that could be unknown.
        if (action.type === 'CreateAnalysisRun' && !isMeasured(rollout['status'])) known.certain.add('analysisRuns');
        acted.push(...facts.filter(({ ofAction }) => ofAction === action));
        known.owed = notOwedAnyMore(known.owed, acted);
        const isHome = action.type === 'PatchRoute' && action.lowers && status?.abort !== undefined;
        if (!first && isHome && (await stepAside())) return { trouble: { kind: 'aside' }, acted };
        continue;
      }
      log.debug('action did not succeed', {
        rollout: key,
        action: action.type,
        outcome: outcome.kind,
        error: 'error' in outcome ? outcome.error : undefined,
      });
      first ??= outcome;
      if (outcome.kind === 'problem') known.problems = [outcome.problem];
      if (outcome.kind === 'failed' && isAnswerLost(outcome.error)) known.owed = oweAction(known.owed, action, facts);
    }
    if (!first) known.problems = [];
    known.troubles = first?.kind === 'problem' ? known.troubles + 1 : 0;
    return { trouble: first, acted };
  }

  /** What was refused because it has changed is read before the next look. */
  async #perform(known: RolloutMemory, rollout: KubeObject, action: Action): Promise<Outcome> {
    const { actor, liveReader } = this.#parts;
    const outcome = await actor.perform(rollout, action);
    const isRead =
      outcome.kind === 'conflict' &&
      (await liveReader.readTarget(rollout, action).then(
        () => true,
        () => false,
      ));
    return refusedForGood(known, action, outcome, isRead);
  }

  /** Why nothing that may harm users is done for this Rollout now. */
  async #outdated(known: RolloutMemory, rollout: KubeObject, certainty: Certainty): Promise<Trouble | undefined> {
    if (certainty === 'none') return undefined;
    try {
      const { liveReader, caches } = this.#parts;
      const read = () => liveReader.readOne(caches.rollouts, rollout.metadata);
      return await findOutdated(read, known, rollout, certainty);
    } catch (error) {
      return { kind: 'failed', error };
    }
  }
}

/** Measuring goes on whatever was refused before it: a gate must not go blind. And traffic may always leave the canary. */
function isSafeAfterFailure(action: Action): boolean {
  return (
    action.type === 'TakeSample' || action.type === 'InspectPods' || (action.type === 'PatchRoute' && action.lowers)
  );
}

function noteDone(known: RolloutMemory, action: Action, now: number): void {
  if (action.type === 'SelectRevision') {
    const what = `${action.service} ${action.podTemplateHash}`;
    known.selectorWrites = [...known.selectorWrites.slice(1 - KEPT_SELECTOR_WRITES), { what, at: now }];
  }
  if (action.type !== 'PatchRoute') return;
  known.lastWeight = action.canaryWeight;
  if (action.reassert) known.conflicts = [...known.conflicts.slice(-9), now];
}

/**
 * A patch of the route whose `test` fails is refused like one that nobody may make: after a few in a row, each decided
 * on a fresh look, it is the latter. `isRead`: the next decision sees the route as it is now.
 */
function refusedForGood(known: RolloutMemory, action: Action, outcome: Outcome, isRead: boolean): Outcome {
  if (action.type !== 'PatchRoute') return outcome;
  const error = outcome.kind === 'conflict' ? outcome.error : undefined;
  const isRefused = error instanceof ApiError && error.code === 'invalid';
  if (!isRefused) known.refusedPatches = 0;
  else if (isRead) known.refusedPatches += 1;
  if (!isRefused || known.refusedPatches < REFUSALS) return outcome;
  const message = error.message.slice(0, 1000);
  return { kind: 'problem', problem: { kind: 'WriteRefused', name: action.ref.name, message }, error };
}
