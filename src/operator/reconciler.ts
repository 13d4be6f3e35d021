import { decide } from '../core/decide.ts';
import type { Decision } from '../core/decision.ts';
import { isSame } from '../core/same-json.ts';
import type { KubeClient } from '../kube/client.ts';
import type { Clock } from '../kube/clock.ts';
import type { ConsistencyTracker } from '../kube/consistency.ts';
import { ApiError } from '../kube/errors.ts';
import { type KubeObject, nameOf } from '../kube/kube-object.ts';
import type { WorkOutcome } from '../kube/work-queue.ts';
import type { Caches } from './caches.ts';
import type { Executor } from './executor.ts';
import type { LiveReader } from './live-reader.ts';
import type { Doubt, Memory, RolloutMemory } from './memory.ts';
import { mergeDiff } from './merge-diff.ts';
import type { Metrics } from './metrics.ts';
import { observe } from './observe.ts';
import { doubtOf, isNewAbort } from './outdated.ts';
import { isAnswerLost, NOTHING_OWED, oweStatus, settleOwed } from './owed-report.ts';
import type { Reporter } from './report.ts';
import { StatusDelay } from './status-delay.ts';
import { droppedMembers, writeStatus } from './status-writer.ts';

export interface ReconcilerParts {
  readonly caches: Caches;
  readonly client: KubeClient;
  readonly consistency: ConsistencyTracker;
  readonly memory: Memory;
  readonly executor: Executor;
  readonly reporter: Reporter;
  readonly liveReader: LiveReader;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly operatorNamespace: string;
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
/** Looks at what is in doubt that fail, before what its cache shows must do. */
const LOOKS = 5;

/**
 * One pass over one Rollout:
 *
 *   1. wait until the caches have seen this Rollout's own last writes
 *   2. observe: freeze what the caches show
 *   3. decide:  pure; once more after a look at what the caches may show as it was before the start
 *   4. act:     in order, stop at the first failure; when many abort at once, traffic of all goes home before the rest
 *   5. status:  one write, at the end; what only shows waits up to ten seconds for what follows
 *   6. report:  events, alerts, metrics
 */
export class Reconciler {
  readonly #parts: ReconcilerParts;
  readonly #delay = new StatusDelay();

  constructor(parts: ReconcilerParts) {
    this.#parts = parts;
  }

  async pass(key: string): Promise<WorkOutcome> {
    const { caches, consistency, liveReader, memory, metrics, clock } = this.#parts;
    const startedAt = clock.monotonic();
    const at = nameOf(key);
    const rollout = caches.rollouts.store.get(at);
    if (!rollout) {
      this.#forget(key);
      return { outcome: 'done' };
    }
    const { uid } = rollout.metadata;
    if ((memory.of(key).uid ?? uid) !== uid) this.#forget(key);
    memory.of(key).uid = uid;
    const seen = consistency.ready(key);
    if (seen.state === 'behind') return { outcome: 'tooSoon', ms: seen.retryAfterMs };
    if (seen.state === 'timedOut') {
      await liveReader.refresh(rollout);
      consistency.forget(key);
    }
    const outcome = await this.#run(key, caches.rollouts.store.get(at) ?? rollout);
    metrics.pass(outcome.outcome, clock.monotonic() - startedAt);
    return outcome;
  }

  /** What is known of a Rollout that is gone says nothing of another one of its name. */
  #forget(key: string): void {
    const { memory, consistency, metrics, reporter } = this.#parts;
    const { namespace, name } = nameOf(key);
    memory.forget(key);
    this.#delay.forget(key);
    consistency.forget(key);
    metrics.forget(namespace, name);
    reporter.forget(key);
  }

  /** @param isBlind what the caches show must do */
  async #run(key: string, rollout: KubeObject, isBlind = false): Promise<WorkOutcome> {
    const { client, memory, clock, executor, reporter } = this.#parts;
    const known = memory.of(key);
    const decision = this.#look(rollout);
    if (!decision.status) {
      this.#delay.forget(key);
      return { outcome: 'done' };
    }
    known.firstVersion ??= rollout.metadata.resourceVersion;
    if (known.owed !== NOTHING_OWED) this.#tellOwed(key, rollout, decision);
    const doubt = doubtOf(known, decision, rollout['status']);
    if (doubt && !isBlind) return await this.#runWithout(doubt, key, rollout);
    const { trouble, acted } = await executor.carryOut(key, rollout, decision);
    // A verdict is stored even when the world moved under the plan: it must not depend on a write that keeps failing.
    const isVerdict = isNewAbort(rollout['status'], decision.status);
    if (trouble?.kind === 'conflict' && !isVerdict) {
      reporter.tell(key, rollout, acted);
      return backoff(trouble.error, decision, clock.now());
    }
    const diff = mergeDiff(rollout['status'], decision.status);
    const waitMs = trouble || !diff ? 0 : decision.statusWaitMs;
    const isWarning = decision.facts.some(({ warning }) => warning);
    const restMs = this.#delay.restMs(key, waitMs, clock.monotonic(), isWarning);
    let target = rollout;
    let written: KubeObject | undefined;
    try {
      if (diff && restMs === 0)
        written = await writeStatus(client, target, diff).catch(async error => {
          // The watch that will say that another Rollout is stored may lag for minutes.
          const live = isOutdated(error) ? await this.#readLive(rollout) : undefined;
          if (!isVerdict || !live || !isRespecified(live, rollout)) throw error;
          target = live;
          return await writeStatus(client, target, diff);
        });
    } catch (error) {
      this.#delay.isDue(key, clock.monotonic());
      if (isAnswerLost(error)) known.owed = oweStatus(known.owed, target.metadata.resourceVersion, decision);
      return backoff(error, decision, clock.now());
    } finally {
      // Last: nothing is to keep a verdict from being stored.
      reporter.tell(key, rollout, acted);
    }
    if (written) {
      this.#noteWritten(key, written);
      reporter.tellDropped(key, rollout, droppedMembers(diff ?? {}, written));
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
    const ms = restMs + WAKE_MARGIN_MS;
    return { outcome: 'wakeAfter', ms: wake.outcome === 'wakeAfter' ? Math.min(wake.ms, ms) : ms };
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

  /** Reads what is in doubt, and begins anew. While that fails nothing is told, but nothing waits for ever. */
  async #runWithout(doubt: Doubt, key: string, rollout: KubeObject): Promise<WorkOutcome> {
    const { caches, memory, liveReader } = this.#parts;
    const known = memory.of(key);
    try {
      await (doubt === 'traffic' ? liveReader.readTraffic(rollout) : liveReader.readRuns(rollout));
      known.failedLooks = 0;
      known.certain.add(doubt);
    } catch (error) {
      known.failedLooks += 1;
      if (known.failedLooks >= LOOKS) return await this.#run(key, rollout, true);
      const asked = error instanceof ApiError ? error.retryAfterMs : undefined;
      return { outcome: 'backoff', cause: error, atLeastMs: Math.max(SOONEST_AGAIN_MS, asked ?? 0) };
    }
    return await this.#run(key, caches.rollouts.store.get(nameOf(key)) ?? rollout);
  }

  /** The Rollout as it is stored; undefined when it is gone, or cannot be read now. */
  #readLive(rollout: KubeObject): Promise<KubeObject | undefined> {
    const { liveReader, caches } = this.#parts;
    return liveReader.readOne(caches.rollouts, rollout.metadata).catch(() => undefined);
  }

  #noteWritten(key: string, written: KubeObject): void {
    const { caches, consistency, memory } = this.#parts;
    memory.of(key).currentVersion = written.metadata.resourceVersion;
    consistency.noteWrite(key, caches.rollouts.store, written.metadata, written.metadata.resourceVersion);
  }
}

/** Whether the Rollout that a status was written for is not the stored one. */
const isOutdated = (error: unknown) =>
  error instanceof ApiError && (error.code === 'notFound' || error.code === 'conflict');

/** Whether Git has changed the spec, and nobody the status: a verdict is stored all the same, what follows is for the next pass. */
const isRespecified = (live: KubeObject, { metadata, status }: KubeObject) =>
  live.metadata.uid === metadata.uid && isSame(live['status'], status);

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
