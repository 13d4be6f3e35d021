import { API_VERSION } from '../api/names.ts';
import type { RolloutStatus } from '../api/rollout-status.ts';
import { fromTime } from '../api/time.ts';
import type { Decision, Fact } from '../core/decision.ts';
import type { Clock } from '../kube/clock.ts';
import type { EventRecorder } from '../kube/event-recorder.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import type { Courier } from './courier.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';

/** What is told of a decision. */
export type Verdict = Pick<Decision, 'status' | 'facts'>;

export interface ReporterParts {
  readonly recorder: EventRecorder;
  readonly metrics: Metrics;
  readonly courier: Courier;
  readonly log: Log;
  readonly clock: Clock;
}

/** Tells what happened: events, alerts, metrics, logs. Failing to tell never holds up a Rollout. */
export class Reporter {
  readonly #parts: ReporterParts;
  readonly #phases = new Map<string, string>();
  /** Rollouts of which it was told that their definition is too old. */
  readonly #outdated = new Set<string>();
  /** When an abort was decided here and the route was not at rest yet. */
  readonly #reverting = new Map<string, number>();

  constructor(parts: ReporterParts) {
    this.#parts = parts;
  }

  /**
   * Tells of a Rollout's state, and of what led to it.
   * @param isStored whether this status was just written, which is when facts about it become true
   */
  report(key: string, rollout: KubeObject, { status, facts }: Verdict, isStored: boolean): void {
    const { metrics, courier } = this.#parts;
    if (!status) return;
    const { name, namespace = '' } = rollout.metadata;
    metrics.rollout(namespace, name, status, this.#phases.get(key));
    this.#phases.set(key, status.phase);
    if (isStored) this.#tellStored(key, rollout, status, facts);
    courier.consider(key, rollout, status.notices ?? [], status.alerts);
  }

  /** Tells facts that stand by themselves, such as those of actions. */
  tell(key: string, rollout: KubeObject, facts: readonly Fact[]): void {
    const { recorder, log } = this.#parts;
    const { name, namespace = '', uid = '', resourceVersion } = rollout.metadata;
    const regarding = { apiVersion: API_VERSION, kind: 'Rollout', namespace, name, uid, resourceVersion };
    for (const { warning, reason, note } of facts) {
      recorder.record({ regarding, type: warning ? 'Warning' : 'Normal', reason, note });
      log[warning ? 'warn' : 'info'](note, { rollout: key, reason });
    }
  }

  /** Tells, once for a Rollout, which members of its status the API server does not store. */
  tellDropped(key: string, rollout: KubeObject, members: readonly string[]): void {
    if (members.length === 0 || this.#outdated.has(key)) return;
    this.#outdated.add(key);
    const names = members.map(member => `status.${member}`).join(', ');
    const why = 'the definition of Rollouts is older than this operator';
    const note = `the API server does not store ${names}: ${why}; apply crds/ of the operator's version`;
    this.tell(key, rollout, [{ reason: 'WriteRefused', warning: true, note }]);
  }

  forget(key: string): void {
    this.#phases.delete(key);
    this.#outdated.delete(key);
    this.#reverting.delete(key);
    this.#parts.courier.forget(key);
  }

  #tellStored(key: string, rollout: KubeObject, status: RolloutStatus, facts: readonly Fact[]): void {
    const { metrics, clock } = this.#parts;
    const { name, namespace = '' } = rollout.metadata;
    const ofStatus = facts.filter(({ ofAction }) => ofAction === undefined);
    this.tell(key, rollout, ofStatus);
    if (status.abort && ofStatus.some(({ reason }) => reason === 'Aborted')) {
      metrics.abort(namespace, name, status.abort.cause);
      this.#reverting.set(key, fromTime(status.abort.at) ?? clock.now());
    }
    const since = this.#reverting.get(key);
    if (since !== undefined && isHome(status)) {
      metrics.reverted((clock.now() - since) / 1000);
      this.#reverting.delete(key);
    }
  }
}

/** Whether all users are with the stable revision; without weights, as under blue-green, the condition says who serves. */
function isHome({ weights, conditions = [] }: RolloutStatus): boolean {
  if (weights) return weights.actualCanary === 0;
  return conditions.some(({ type, reason }) => type === 'Serving' && reason === 'StableServes');
}
