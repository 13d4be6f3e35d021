import { API_VERSION } from '../api/names.ts';
import { notifierSpecSchema } from '../api/notifier.ts';
import type { StandingAlert, StoredNotice } from '../api/rollout-status.ts';
import { firstIssue } from '../api/spec-issue.ts';
import { fromTime } from '../api/time.ts';
import { isSame } from '../core/same-json.ts';
import { isAbout } from '../core/standing-alerts.ts';
import type { Clock, TimerHandle } from '../kube/clock.ts';
import type { EventRecorder } from '../kube/event-recorder.ts';
import { isRecord, type KubeObject, nameOf, objectKey } from '../kube/kube-object.ts';
import type { Caches } from './caches.ts';
import { deliverNotice } from './deliver-notice.ts';
import type { Log } from './log.ts';
import type { Memory, RolloutMemory } from './memory.ts';
import type { Metrics } from './metrics.ts';
import { Renewals } from './renewals.ts';
import type { SecretReader } from './secrets.ts';

export interface CourierParts {
  readonly caches: Caches;
  readonly memory: Memory;
  readonly secrets: SecretReader;
  readonly recorder: EventRecorder;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly clock: Clock;
  readonly enqueue: (key: string) => void;
  /** Whether this process may speak for the operator right now. */
  readonly isLeader: () => boolean;
}

/** After a round of retries has failed, the next one begins this much later. */
const NEXT_ROUND_MS = 60_000;
/** After the receiver has turned it away: somebody has to mend something first, and a new Notifier is not waited for. */
const NEXT_PLEA_MS = 600_000;
/** Later alerts of a Rollout wait this long for an earlier one that does not get through. */
const LONGEST_IN_LINE_MS = 3_600_000;
/** What stays the same is told again by then, before the API server forgets the last event about it (an hour). */
const TOLD_AGAIN_MS = 50 * 60_000;

/** What is sent to whom. */
interface Letter {
  readonly key: string;
  readonly rollout: KubeObject;
  readonly notice: StoredNotice;
  readonly to: string;
  readonly id: string;
  /** What is known of the Rollout that owes it: written to also when that is forgotten meanwhile, and then lost with it. */
  readonly known: RolloutMemory;
}

/** An alert on its way to one receiver. */
interface Errand {
  readonly done: Promise<void>;
  /** Gives up this try: its Notifier was changed meanwhile. */
  readonly abort: AbortController;
}

/**
 * Brings alerts to their receivers, beside everything else. What status says is owed is sent once; what arrived is struck
 * off by the next pass. A restart in between repeats at most one, with the same idempotency key.
 */
export class Courier {
  readonly #parts: CourierParts;
  readonly #underway = new Map<string, Errand>();
  /** Alerts that did not get through, by id, until their next round. */
  readonly #waiting = new Map<string, { readonly letter: Letter; readonly timer: TimerHandle }>();
  readonly #renewals: Renewals;
  readonly #stop = new AbortController();

  constructor(parts: CourierParts) {
    this.#parts = parts;
    this.#renewals = new Renewals(parts);
    parts.caches.notifiers.store.addHandler((type, object, old) => {
      if (type === 'deleted' || !isSame(old?.['spec'], object['spec'])) this.#wake(objectKey(object.metadata));
    });
  }

  /**
   * Starts what is owed and not under way.
   * @param alerts what lasts; from now on nothing else of this Rollout is sent again
   */
  consider(
    key: string,
    rollout: KubeObject,
    notices: readonly StoredNotice[],
    alerts: readonly StandingAlert[] = [],
  ): void {
    if (this.#stop.signal.aborted) return;
    this.#renewals.note(key, rollout.metadata, alerts, notices);
    const known = this.#parts.memory.of(key);
    const foreign = notices.filter(notice => !isAbout(rollout.metadata, notice));
    if (foreign.length > 0) this.#strikeOff(key, known, foreign);
    for (const [index, notice] of notices.entries())
      for (const to of notice.pending) {
        const id = `${notice.id}|${to}`;
        if (this.#underway.has(id) || this.#waiting.has(id) || known.delivered.has(id)) continue;
        if (notices.slice(0, index).some(earlier => this.#holdsBack(earlier, to, known))) continue;
        const abort = new AbortController();
        const done = this.#send({ key, rollout, notice, to, id, known }, abort.signal).finally(() => {
          this.#underway.delete(id);
          if (abort.signal.aborted && !this.#stop.signal.aborted) this.#parts.enqueue(key);
        });
        this.#underway.set(id, { done, abort });
      }
  }

  /**
   * Whether later alerts of its Rollout wait for this one. An end that overtook its beginning would end nothing at an
   * Alertmanager; elsewhere one on which a receiver chokes must not silence the others.
   */
  #holdsBack({ id, at, pending }: StoredNotice, to: string, { delivered }: RolloutMemory): boolean {
    if (!pending.includes(to) || delivered.has(`${id}|${to}`)) return false;
    const ageMs = this.#parts.clock.now() - (fromTime(at) ?? 0);
    return ageMs < LONGEST_IN_LINE_MS || isAlertmanager(this.#find(to));
  }

  /** A Notifier by its `namespace/name`. */
  #find(to: string): KubeObject | undefined {
    return this.#parts.caches.notifiers.store.get(nameOf(to));
  }

  /** What this operator never wrote is not sent, and the next pass takes it out of status. */
  #strikeOff(key: string, known: RolloutMemory, foreign: readonly StoredNotice[]): void {
    const { log, enqueue } = this.#parts;
    log.warn('alerts of something else are in the status of a Rollout', { rollout: key, ids: foreign.map(n => n.id) });
    for (const notice of foreign) for (const to of notice.pending) known.delivered.add(`${notice.id}|${to}`);
    enqueue(key);
  }

  /** A mended Notifier is tried at once: nobody waits for the end of a pause that its old spec earned. To one that is gone nothing is owed. */
  #wake(notifier: string): void {
    const isOf = (id: string) => id.endsWith(`|${notifier}`);
    for (const [id, { abort }] of this.#underway) if (isOf(id)) abort.abort();
    for (const [id, { letter, timer }] of this.#waiting) {
      if (!isOf(id)) continue;
      const { key, known } = letter;
      // Who mended it wants to know whether that was all.
      known.undelivered.delete(notifier);
      this.#parts.clock.clearTimeout(timer);
      this.#waiting.delete(id);
      this.#parts.enqueue(key);
    }
  }

  /** Sends nothing again of a Rollout that is gone. */
  forget(key: string): void {
    this.#renewals.forget(key);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    for (const { timer } of this.#waiting.values()) this.#parts.clock.clearTimeout(timer);
    for (const { abort } of this.#underway.values()) abort.abort();
    await Promise.allSettled([this.#renewals.stop(), ...[...this.#underway.values()].map(({ done }) => done)]);
  }

  async #send(letter: Letter, signal: AbortSignal): Promise<void> {
    const { key, rollout, notice, to, id, known } = letter;
    const { secrets, metrics, clock, enqueue } = this.#parts;
    const object = this.#find(to);
    const spec = notifierSpecSchema.safeParse(object?.['spec']);
    if (!spec.success) {
      metrics.notification('unknown', 'failed');
      this.#fail(letter, 'unknown', object ? `${firstIssue(spec.error)}; mend it in Git` : 'it is gone');
      this.#later(letter, NEXT_ROUND_MS);
      return;
    }
    await this.#renewals.settled(to);
    const { kind, delivery } = await deliverNotice(
      spec.data,
      rollout,
      notice,
      ref => secrets.read(nameOf(to).namespace, ref),
      () => clock.now(),
      signal,
    );
    // What arrived has arrived, also when its Notifier changed in that moment.
    if (signal.aborted && delivery.result !== 'delivered') return;
    metrics.notification(kind, delivery.result);
    const isOwed = delivery.result === 'failed' || (delivery.result === 'refused' && !delivery.isFinal);
    // Of those that are given up each is told.
    if (!isOwed) known.undelivered.delete(to);
    if (delivery.result !== 'delivered') this.#fail(letter, kind, delivery.why);
    if (isOwed) return this.#later(letter, delivery.result === 'failed' ? NEXT_ROUND_MS : NEXT_PLEA_MS);
    // Refused for good counts as done: asking again would be refused again.
    known.delivered.add(id);
    enqueue(key);
  }

  /** The next round of an alert that did not get through. */
  #later(letter: Letter, ms: number): void {
    const { clock, enqueue } = this.#parts;
    const again = () => {
      this.#waiting.delete(letter.id);
      enqueue(letter.key);
    };
    this.#waiting.set(letter.id, { letter, timer: clock.setTimeout(again, ms) });
  }

  /** Tells it once, however many alerts and rounds it takes, and again before that is forgotten. */
  #fail({ key, rollout, to, known }: Letter, kind: string, why: string): void {
    const { recorder, log, clock } = this.#parts;
    const { name, namespace, uid = '' } = rollout.metadata;
    const last = known.undelivered.get(to);
    const isNews = last?.why !== why || clock.monotonic() >= last.at + TOLD_AGAIN_MS;
    log[isNews ? 'warn' : 'debug']('an alert was not delivered', { rollout: key, notifier: to, kind, why });
    if (!isNews) return;
    known.undelivered.set(to, { why, at: clock.monotonic() });
    recorder.record({
      regarding: { apiVersion: API_VERSION, kind: 'Rollout', namespace, name, uid },
      type: 'Warning',
      reason: 'NotifyFailed',
      note: `Notifier ${to} (${kind}): ${why}`.slice(0, 1000),
    });
  }
}

function isAlertmanager(notifier: KubeObject | undefined): boolean {
  return isRecord(notifier?.['spec']) && notifier['spec']['alertmanager'] !== undefined;
}
