import { type NotifierSpec, notifierSpecSchema } from '../api/notifier.ts';
import type { StandingAlert, StoredNotice } from '../api/rollout-status.ts';
import { isAskedFor } from '../core/notices.ts';
import { isSame } from '../core/same-json.ts';
import type { TimerHandle } from '../kube/clock.ts';
import { nameOf, type ObjectMeta } from '../kube/kube-object.ts';
import type { Delivery } from '../notifiers/notifier.ts';
import { type Bound, bindNotifier } from '../notifiers/registry.ts';
import type { CourierParts } from './courier.ts';
import { noticeOf } from './deliver-notice.ts';

/** As Prometheus does it. An alert lasts five of these (`src/notifiers/alertmanager.ts`), so that a few may be lost. */
const RENEW_MS = 60_000;
/** Alerts in one request: of 40 KB each at most, they stay below the 1 MB that proxies take. */
const MOST_IN_ONE = 20;
/** How long an address that works is kept. Secrets are not watched, and an operator at rest asks for nothing each minute. */
const ADDRESS_MS = 3_600_000;

export type RenewalParts = Pick<CourierParts, 'caches' | 'secrets' | 'log' | 'clock' | 'isLeader'>;

/** What lasts of one Rollout. */
interface Standing {
  readonly metadata: ObjectMeta;
  readonly alerts: readonly StandingAlert[];
  /** `<notice id>|<notifier>` of what is still to be sent for the first time. */
  readonly owed: ReadonlySet<string>;
}

/** One alert of one Rollout. */
interface Due {
  readonly key: string;
  readonly id: string;
}

/** What is known of one receiver. */
interface Line {
  address: { readonly spec: NotifierSpec; readonly bound: Bound; readonly at: number } | undefined;
  /** The request that is on its way. */
  request: Promise<Delivery> | undefined;
  isBusy: boolean;
  isFailing: boolean;
}

/**
 * Sends again what lasts, to receivers where it ends by itself otherwise: so that an Alertmanager that was restarted knows it
 * again, and one whose Rollout, Notifier or operator is gone does not show it for ever. What lasts is what the last pass over
 * each Rollout said, which follows what is stored; nothing is read and nothing is written for it.
 */
export class Renewals {
  readonly #parts: RenewalParts;
  readonly #standing = new Map<string, Standing>();
  readonly #lines = new Map<string, Line>();
  readonly #rounds = new Set<Promise<void>>();
  readonly #stop = new AbortController();
  #timer: TimerHandle;

  constructor(parts: RenewalParts) {
    this.#parts = parts;
  }

  /** Takes in what lasts of a Rollout, and what of that is still owed. */
  note(key: string, metadata: ObjectMeta, alerts: readonly StandingAlert[], notices: readonly StoredNotice[]): void {
    if (alerts.length === 0) {
      this.forget(key);
      return;
    }
    const owed = new Set(notices.flatMap(({ id, pending }) => pending.map(to => `${id}|${to}`)));
    this.#standing.set(key, { metadata, alerts, owed });
    this.#arm();
  }

  forget(key: string): void {
    this.#standing.delete(key);
  }

  /** Waits for the request that is on its way to a Notifier: what it says must not arrive after the end of that. */
  async settled(to: string): Promise<void> {
    await this.#lines.get(to)?.request;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#parts.clock.clearTimeout(this.#timer);
    await Promise.allSettled(this.#rounds);
  }

  #arm(): void {
    if (this.#stop.signal.aborted || this.#standing.size === 0) return;
    this.#timer ??= this.#parts.clock.setTimeout(() => {
      this.#timer = undefined;
      this.#begin();
      this.#arm();
    }, RENEW_MS);
  }

  /** Each receiver by itself: one that is slow holds up no other, and is not asked again before it has answered. */
  #begin(): void {
    const receivers = new Set([...this.#standing.values()].flatMap(({ alerts }) => alerts.flatMap(({ to }) => to)));
    for (const [to, { isBusy }] of this.#lines) if (!isBusy && !receivers.has(to)) this.#lines.delete(to);
    for (const to of receivers) {
      const line = this.#lineOf(to);
      if (line.isBusy) continue;
      line.isBusy = true;
      const round = this.#round(to, line).finally(() => {
        line.isBusy = false;
        this.#rounds.delete(round);
      });
      this.#rounds.add(round);
    }
  }

  #lineOf(to: string): Line {
    const known = this.#lines.get(to);
    const line = known ?? { address: undefined, request: undefined, isBusy: false, isFailing: false };
    this.#lines.set(to, line);
    return line;
  }

  async #round(to: string, line: Line): Promise<void> {
    const spec = notifierSpecSchema.safeParse(this.#parts.caches.notifiers.store.get(nameOf(to))?.['spec']).data;
    // A Notifier that is gone, or means another channel now, has nothing to say again.
    if (!spec?.alertmanager) return;
    const all = this.#dueAt(to, spec);
    if (all.length === 0 || !this.#parts.isLeader()) return;
    const bound = await this.#bind(to, line, spec);
    const outcome = 'result' in bound ? bound : await this.#sendAll(all, line, bound);
    if (this.#stop.signal.aborted) return;
    const why = outcome.result === 'delivered' ? undefined : outcome.why;
    // An address that does not work may have become another one in its Secret.
    if (why !== undefined) line.address = undefined;
    this.#tell(to, line, why);
  }

  /** What is refused for some of them may be taken of others; a receiver that is away is away for all. */
  async #sendAll(all: readonly Due[], line: Line, bound: Bound): Promise<Delivery> {
    let outcome: Delivery = { result: 'delivered' };
    for (let from = 0; from < all.length && outcome.result !== 'failed'; from += MOST_IN_ONE) {
      const delivery = await this.#send(all.slice(from, from + MOST_IN_ONE), line, bound);
      if (delivery.result !== 'delivered') outcome = delivery;
    }
    return outcome;
  }

  #dueAt(to: string, spec: NotifierSpec): Due[] {
    return [...this.#standing].flatMap(([key, { metadata, alerts, owed }]) =>
      alerts
        .filter(alert => alert.to.includes(to) && !owed.has(`${alert.id}|${to}`))
        .filter(({ event }) => isAskedFor(spec, event, metadata.name))
        .map(({ id }) => ({ key, id })),
    );
  }

  async #bind(to: string, line: Line, spec: NotifierSpec) {
    const { secrets, clock } = this.#parts;
    const { address } = line;
    if (address && isSame(address.spec, spec) && clock.monotonic() < address.at + ADDRESS_MS) return address.bound;
    const { namespace } = nameOf(to);
    const bound = await bindNotifier(spec, {
      readSecret: ref => secrets.read(namespace, ref),
      now: () => clock.now(),
    });
    if (!('result' in bound)) line.address = { spec, bound, at: clock.monotonic() };
    return bound;
  }

  /** Sends what of it still lasts now: a round may take long. */
  async #send(all: readonly Due[], line: Line, bound: Bound): Promise<Delivery> {
    const notices = all.flatMap(({ key, id }) => {
      const { metadata, alerts = [] } = this.#standing.get(key) ?? {};
      return metadata ? alerts.filter(alert => alert.id === id).map(alert => noticeOf(metadata, alert)) : [];
    });
    if (notices.length === 0 || !bound.renew || !this.#parts.isLeader()) return { result: 'delivered' };
    line.request = bound.renew(notices, this.#stop.signal);
    return await line.request.finally(() => {
      line.request = undefined;
    });
  }

  /** Once for each outage, not each minute. What is sent for the first time has an event when it does not get through. */
  #tell(notifier: string, line: Line, why: string | undefined): void {
    const { log } = this.#parts;
    if (why !== undefined && !line.isFailing) log.warn('alerts that last cannot be sent again', { notifier, why });
    if (why === undefined && line.isFailing) log.info('alerts that last are sent again', { notifier });
    line.isFailing = why !== undefined;
  }
}
