import { decide } from '../core/decide.ts';
import type { Action, Decision, Fact } from '../core/decision.ts';
import { isSame } from '../core/same-json.ts';
import type { KubeClient } from '../kube/client.ts';
import type { Clock } from '../kube/clock.ts';
import type { ConsistencyTracker } from '../kube/consistency.ts';
import { ApiError } from '../kube/errors.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import type { WorkOutcome } from '../kube/work-queue.ts';
import type { Actor, Outcome } from './act.ts';
import type { Caches } from './caches.ts';
import type { LiveReader } from './live-reader.ts';
import type { Log } from './log.ts';
import type { Memory, RolloutMemory } from './memory.ts';
import { mergeDiff } from './merge-diff.ts';
import type { Metrics } from './metrics.ts';
import { observe } from './observe.ts';
import { type Certainty, certaintyFor, doubtsRoute, findOutdated, isNewAbort } from './outdated.ts';
import { isAnswerLost, NOTHING_OWED, notOwedAnyMore, oweAction, oweStatus, settleOwed } from './owed-report.ts';
import type { Reporter } from './report.ts';
import { statusRestMs } from './status-delay.ts';
import { writeStatus } from './status-writer.ts';

export interface ReconcilerParts {
  readonly caches: Caches;
  readonly client: KubeClient;
  readonly consistency: ConsistencyTracker;
  readonly memory: Memory;
  readonly actor: Actor;
  readonly reporter: Reporter;
  readonly liveReader: LiveReader;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly clock: Clock;
  readonly operatorNamespace: string;
  /** Lets urgent Rollouts that wait go first; false when there are none. */
  readonly stepAside: () => Promise<boolean>;
}

type Trouble = Exclude<Outcome, { kind: 'done' }>;

/** What became of a decision's actions. */
interface Acted {
  /** Why not all of them were done. */
  readonly trouble: Trouble | { readonly kind: 'aside' } | undefined;
  /** What tells of those that were. */
  readonly acted: readonly Fact[];
}

/** Timers can fire a little early; a wake-up must not come before its moment. */
const WAKE_MARGIN_MS = 1;
const LONGEST_WAKE_MS = 3_600_000;
/**
 * When to look again at what was refused: ever later. A template that is refused waits for another one, which is looked at at
 * once; permissions and names get mended without a word to us.
 */
const TROUBLE_MS = 5_000;
const LONGEST_TROUBLE_MS = 15_000;
const LONGEST_REJECTED_MS = 60_000;
/** Not sooner than this after an error, whatever is due. */
const SOONEST_AGAIN_MS = 1_000;
/** Refusals of a route patch, each a few milliseconds apart at first, before they are taken for final. */
const REFUSALS = 6;
/** Reads of a route that is in doubt, before what its cache shows must do. */
const ROUTE_TRIES = 5;
/** For each of them, since a decision waits for it. */
const ROUTE_TIMEOUT_MS = 2_000;
/** Enough to see a write loop on each of a strategy's Services. */
const KEPT_SELECTOR_WRITES = 40;

/**
 * One pass over one Rollout:
 *
 *   1. wait until the caches have seen this Rollout's own last writes
 *   2. observe: freeze what the caches show
 *   3. decide:  pure; once more after a look at the route when the caches may lag behind it
 *   4. act:     in order, stop at the first failure; when many abort at once, traffic of all goes home before the rest
 *   5. status:  one write, at the end; what only shows waits up to ten seconds for what follows
 *   6. report:  events, alerts, metrics
 */
export class Reconciler {
  readonly #parts: ReconcilerParts;

  constructor(parts: ReconcilerParts) {
    this.#parts = parts;
  }

  async pass(key: string): Promise<WorkOutcome> {
    const { caches, consistency, memory, metrics, clock } = this.#parts;
    const startedAt = clock.monotonic();
    const at = nameOf(key);
    const rollout = caches.rollouts.store.get(at);
    if (!rollout) {
      memory.forget(key);
      consistency.forget(key);
      metrics.forget(at.namespace, at.name);
      this.#parts.reporter.forget(key);
      return { outcome: 'done' };
    }
    const seen = consistency.ready(key);
    if (seen.state === 'behind') return { outcome: 'wakeAfter', ms: seen.retryAfterMs };
    if (seen.state === 'timedOut') await this.#parts.liveReader.refresh(rollout);
    const outcome = await this.#run(key, caches.rollouts.store.get(at) ?? rollout);
    metrics.pass(outcome.outcome, clock.monotonic() - startedAt);
    return outcome;
  }

  async #run(key: string, rollout: KubeObject): Promise<WorkOutcome> {
    const { client, memory, clock, reporter, liveReader, caches } = this.#parts;
    const known = memory.of(key);
    const decision = this.#look(rollout);
    if (!decision.status) return { outcome: 'done' };
    known.firstVersion ??= rollout.metadata.resourceVersion;
    if (known.owed !== NOTHING_OWED) this.#tellOwed(key, rollout, decision);
    if (doubtsRoute(known, decision, rollout['status'])) return await this.#runOnStoredRoute(key, rollout, decision);
    const { trouble, acted } = await this.#act(key, rollout, decision);
    // A verdict is stored even when the world moved under the plan: it must not depend on a write that keeps failing.
    const isVerdict = isNewAbort(rollout['status'], decision.status);
    if (trouble?.kind === 'conflict' && !isVerdict) {
      reporter.tell(key, rollout, acted);
      return backoff(trouble.error, decision, clock.now());
    }
    const diff = mergeDiff(rollout['status'], decision.status);
    const restMs = statusRestMs(known, trouble || !diff ? 0 : decision.statusWaitMs, clock.monotonic());
    let target = rollout;
    let written: KubeObject | undefined;
    try {
      if (diff && restMs === 0)
        written = await writeStatus(client, target, diff).catch(async error => {
          if (!isVerdict) throw error;
          target = await this.#respecified(rollout, error);
          return await writeStatus(client, target, diff);
        });
    } catch (error) {
      // What was due stays due.
      known.statusDueAt = clock.monotonic();
      if (isGone(error)) await liveReader.readOne(caches.rollouts, rollout.metadata).catch(() => undefined);
      if (isAnswerLost(error)) known.owed = oweStatus(known.owed, target.metadata.resourceVersion, decision);
      return backoff(error, decision, clock.now());
    } finally {
      // Last: nothing is to keep a verdict from being stored.
      reporter.tell(key, rollout, acted);
    }
    if (written) {
      this.#noteWritten(key, written);
      if (known.owed.statuses.length > 0) known.owed = { ...known.owed, statuses: [] };
      const owed = new Set((decision.status.notices ?? []).map(notice => notice.id));
      for (const id of known.delivered) if (!owed.has(id.slice(0, id.indexOf('|')))) known.delivered.delete(id);
    }
    reporter.report(key, rollout, decision, written !== undefined);
    if (trouble?.kind === 'aside') return { outcome: 'wakeAfter', ms: WAKE_MARGIN_MS };
    if (trouble?.kind === 'failed' || trouble?.kind === 'conflict')
      return backoff(trouble.error, decision, clock.now());
    const wake = wakeOf(decision, clock.now(), trouble && troubleMs(known));
    if (restMs === 0) return wake;
    return { outcome: 'wakeAfter', ms: wake.outcome === 'wakeAfter' ? Math.min(wake.ms, restMs) : restMs };
  }

  #look(rollout: KubeObject): Decision {
    const { caches, memory, clock, operatorNamespace } = this.#parts;
    const now = clock.now();
    return decide(observe(caches, memory, rollout, operatorNamespace, now), now);
  }

  /** Tells what came about though nobody knew it then. */
  #tellOwed(key: string, rollout: KubeObject, decision: Decision): void {
    const { memory, reporter } = this.#parts;
    const known = memory.of(key);
    const { resourceVersion: version } = rollout.metadata;
    const now = { version, status: rollout['status'], facts: decision.facts };
    const { stored, acted, owed } = settleOwed(known.owed, now);
    known.owed = owed;
    if (stored) reporter.report(key, rollout, stored, true);
    reporter.tell(key, rollout, acted);
  }

  /** Reads the route that is in doubt, and begins anew. While that fails nothing is told, but no verdict waits for ever. */
  async #runOnStoredRoute(key: string, rollout: KubeObject, decision: Decision): Promise<WorkOutcome> {
    const { caches, memory, clock, liveReader } = this.#parts;
    const known = memory.of(key);
    try {
      await liveReader.readRoutes(rollout, ROUTE_TIMEOUT_MS);
      known.routeIsKnown = true;
    } catch (error) {
      known.routeFailures += 1;
      known.routeIsKnown = known.routeFailures >= ROUTE_TRIES;
      const now = clock.now();
      if (!known.routeIsKnown) return backoff(error, { ...decision, wakeAt: now + SOONEST_AGAIN_MS }, now);
    }
    return this.#run(key, caches.rollouts.store.get(nameOf(key)) ?? rollout);
  }

  /**
   * Actions in order; stops at the first that does not succeed and remembers what repeating cannot mend. An abort whose
   * traffic is home lets others send theirs home first; then its verdict is stored, and the rest is for the next pass.
   */
  async #act(key: string, rollout: KubeObject, { actions, status, facts }: Decision): Promise<Acted> {
    const { actor, memory, log, clock, stepAside } = this.#parts;
    const known = memory.of(key);
    const acted: Fact[] = [];
    let first: Trouble | undefined;
    for (const action of actions) {
      if (first && !isSafeAfterFailure(action)) continue;
      const outdated = await this.#outdated(known, rollout, certaintyFor(action, rollout, known));
      const outcome = outdated ?? refusedForGood(known, action, await actor.perform(rollout, action));
      if (outcome.kind === 'done') {
        noteDone(known, action, clock.now());
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

  /**
   * The Rollout whose spec Git has changed while its status was on its way: what follows from both is for the next pass.
   * @throws what the write failed with, when that is not why
   */
  async #respecified(rollout: KubeObject, error: unknown): Promise<KubeObject> {
    if (!(error instanceof ApiError) || error.code !== 'conflict') throw error;
    const { liveReader, caches } = this.#parts;
    const live = await liveReader.readOne(caches.rollouts, rollout.metadata);
    const isOther = live?.metadata.uid !== rollout.metadata.uid;
    if (!live || isOther || !isSame(live['status'], rollout['status'])) throw error;
    return live;
  }

  #noteWritten(key: string, written: KubeObject): void {
    const { caches, consistency, memory } = this.#parts;
    memory.of(key).currentVersion = written.metadata.resourceVersion;
    consistency.noteWrite(key, caches.rollouts.store, written.metadata, written.metadata.resourceVersion);
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
 * on a fresh look, it is the latter.
 */
function refusedForGood(known: RolloutMemory, action: Action, outcome: Outcome): Outcome {
  if (action.type !== 'PatchRoute') return outcome;
  const refused = outcome.kind === 'conflict' && outcome.error instanceof ApiError && outcome.error.code === 'invalid';
  known.refusedPatches = refused ? known.refusedPatches + 1 : 0;
  if (!refused || known.refusedPatches < REFUSALS) return outcome;
  const { error } = outcome;
  const message = (error as ApiError).message.slice(0, 1000);
  return { kind: 'problem', problem: { kind: 'WriteRefused', name: action.ref.name, message }, error };
}

const isGone = (error: unknown) => error instanceof ApiError && error.code === 'notFound';

/** Splits `namespace/name`. */
export function nameOf(key: string): { namespace: string; name: string } {
  const slash = key.indexOf('/');
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

/** Tries again after a while, yet looks in time for what the clock alone brings: a measurement, a deadline. */
function backoff(cause: unknown, decision: Decision, now: number): WorkOutcome {
  const asked = cause instanceof ApiError ? cause.retryAfterMs : undefined;
  const { wakeAt } = decision;
  return {
    outcome: 'backoff',
    cause,
    ...(asked === undefined ? {} : { atLeastMs: asked }),
    ...(wakeAt === undefined ? {} : { atMostMs: Math.max(SOONEST_AGAIN_MS, wakeAt - now + WAKE_MARGIN_MS) }),
  };
}

function troubleMs({ troubles, problems }: RolloutMemory): number {
  const rejected = problems.some(problem => problem.kind === 'TemplateRejected');
  return Math.min(
    rejected ? LONGEST_REJECTED_MS : LONGEST_TROUBLE_MS,
    TROUBLE_MS * 2 ** Math.min(Math.max(0, troubles - 1), 10),
  );
}

/** @param againMs when to look again at what did not succeed, in milliseconds */
function wakeOf(decision: Decision, now: number, againMs: number | undefined): WorkOutcome {
  if (decision.wakeAt === undefined && againMs === undefined) return { outcome: 'done' };
  const rest = decision.wakeAt === undefined ? LONGEST_WAKE_MS : decision.wakeAt - now + WAKE_MARGIN_MS;
  const [least, most] = againMs === undefined ? [1, LONGEST_WAKE_MS] : [SOONEST_AGAIN_MS, againMs];
  const ms = Math.min(most, Math.max(least, rest));
  return { outcome: 'wakeAfter', ms };
}
