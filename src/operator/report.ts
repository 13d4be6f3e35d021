import { API_VERSION } from '../api/names.ts';
import type { RolloutStatus } from '../api/rollout-status.ts';
import { fromTime } from '../api/time.ts';
import type { Decision } from '../core/decision.ts';
import type { Clock } from '../kube/clock.ts';
import type { EventRecorder } from '../kube/event-recorder.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import type { Courier } from './courier.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';

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
  /** When an abort was decided here and the route was not at rest yet. */
  readonly #reverting = new Map<string, number>();

  constructor(parts: ReporterParts) {
    this.#parts = parts;
  }

  /**
   * @param told.stored whether the decision's status was just written, which is when facts about it become true
   * @param told.acted whether all of its actions were done
   */
  report(key: string, rollout: KubeObject, decision: Decision, told: { stored: boolean; acted: boolean }): void {
    const { metrics, courier } = this.#parts;
    const { status } = decision;
    if (!status) return;
    const { name, namespace = '' } = rollout.metadata;
    metrics.rollout(namespace, name, status, this.#phases.get(key));
    this.#phases.set(key, status.phase);
    this.#tell(key, rollout, decision, status, told);
    if (status.notices) courier.consider(key, rollout, status.notices);
  }

  forget(key: string): void {
    this.#phases.delete(key);
    this.#reverting.delete(key);
  }

  #tell(
    key: string,
    rollout: KubeObject,
    decision: Decision,
    status: RolloutStatus,
    told: { stored: boolean; acted: boolean },
  ): void {
    const { recorder, metrics, log, clock } = this.#parts;
    const { name, namespace = '', uid = '', resourceVersion } = rollout.metadata;
    const regarding = { apiVersion: API_VERSION, kind: 'Rollout', namespace, name, uid, resourceVersion };
    for (const fact of decision.facts) {
      if (!told.stored && !(fact.ofAction && told.acted)) continue;
      recorder.record({ regarding, type: fact.warning ? 'Warning' : 'Normal', reason: fact.reason, note: fact.note });
      log[fact.warning ? 'warn' : 'info'](fact.note, { rollout: key, reason: fact.reason });
      if (fact.reason === 'Aborted' && status.abort) {
        metrics.abort(namespace, name, status.abort.cause);
        this.#reverting.set(key, fromTime(status.abort.at) ?? clock.now());
      }
    }
    const since = this.#reverting.get(key);
    if (told.stored && since !== undefined && (status.weights?.actualCanary ?? 0) === 0) {
      metrics.reverted((clock.now() - since) / 1000);
      this.#reverting.delete(key);
    }
  }
}
