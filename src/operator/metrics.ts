import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { AbortCause } from '../api/reasons.ts';
import type { RolloutStatus } from '../api/rollout-status.ts';
import { systemClock } from '../kube/clock.ts';
import type { RequestObservation } from '../kube/transport.ts';
import type { QueueObservation } from '../kube/work-queue.ts';
import { GateSeries, type MeasuredMetric } from './gate-series.ts';

/**
 * The operator's own metrics. Label sets are bounded by construction: a series is named by a Rollout or a metric of a
 * template, never by something that comes and goes such as a run, a pod or a revision.
 */
export class Metrics {
  readonly registry = new Registry();
  readonly #info = this.#gauge('sluice_rollout_info', 'Phase of each Rollout: 1 for the phase it is in.', [
    'namespace',
    'name',
    'phase',
  ]);
  readonly #weight = this.#gauge(
    'sluice_rollout_weight',
    'Weight of the canary in parts of the maximum, asked and actual.',
    ['namespace', 'name', 'kind'],
  );
  readonly #gates = new GateSeries(this.registry);
  readonly #verdicts = this.#counter('sluice_gate_verdicts_total', 'Measurements by outcome.', [
    'namespace',
    'name',
    'metric',
    'verdict',
  ]);
  readonly #aborts = this.#counter('sluice_aborts_total', 'Aborts by cause.', ['namespace', 'name', 'cause']);
  readonly #revert = this.#histogram(
    'sluice_revert_seconds',
    'From the stored verdict to the route at 0 %.',
    [],
    [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
  );
  readonly #notifications = this.#counter('sluice_notifications_total', 'Alerts by result.', ['kind', 'result']);
  readonly #passes = this.#histogram(
    'sluice_pass_seconds',
    'Duration of one pass over a Rollout.',
    ['outcome'],
    [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5],
  );
  readonly #queueDepth = this.#gauge(
    'sluice_queue_depth',
    'Rollouts waiting for a pass of this process; 0 on a standby.',
    ['lane'],
  );
  readonly #queueWait = this.#histogram(
    'sluice_queue_wait_seconds',
    'Time a Rollout waited for its pass.',
    ['lane'],
    [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5],
  );
  readonly #requests = this.#counter('sluice_api_requests_total', 'Requests to the API server.', [
    'verb',
    'resource',
    'code',
  ]);
  readonly #requestTime = this.#histogram(
    'sluice_api_request_seconds',
    'Duration of requests to the API server.',
    ['verb'],
    [0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30],
  );
  readonly #watches = this.#counter('sluice_watch_events_total', 'What caches learnt, by type and source.', [
    'resource',
    'what',
  ]);
  readonly #events = this.#counter('sluice_events_total', 'Kubernetes events by result.', ['result']);
  readonly #leader = this.#gauge('sluice_leader', '1 while this process is the leader.', []);

  #lastWorkAt = systemClock.monotonic();

  constructor() {
    // The default samples the event loop 100 times a second, which is most of what an idle operator would do.
    collectDefaultMetrics({ register: this.registry, eventLoopMonitoringPrecision: 500 });
  }

  /** Monotonic milliseconds of the last pass or measurement. */
  lastWorkAt(): number {
    return this.#lastWorkAt;
  }

  rollout(namespace: string, name: string, status: RolloutStatus, before: string | undefined): void {
    if (before !== undefined && before !== status.phase) this.#info.remove(namespace, name, before);
    this.#info.set({ namespace, name, phase: status.phase }, 1);
    // Of a spec that cannot be read nothing is decided, so that no analysis goes on.
    const runs = status.phase === 'Invalid' ? [] : Object.values(status.analysis ?? {});
    this.#gates.keep(namespace, name, runs);
    if (!status.weights) return;
    this.#weight.set({ namespace, name, kind: 'asked' }, status.weights.canary);
    this.#weight.set({ namespace, name, kind: 'actual' }, status.weights.actualCanary);
  }

  /** Forgets every series of a Rollout that is gone. */
  forget(namespace: string, name: string): void {
    this.#gates.keep(namespace, name, []);
    for (const metric of [this.#info, this.#weight, this.#verdicts, this.#aborts]) dropSeries(metric, namespace, name);
  }

  measurement(
    measured: MeasuredMetric,
    verdict: string,
    value: number | undefined,
    bounds: { min?: number | undefined; max?: number | undefined },
  ): void {
    this.#lastWorkAt = systemClock.monotonic();
    const { namespace, name, metric } = measured;
    this.#verdicts.inc({ namespace, name, metric, verdict });
    this.#gates.set(measured, value, bounds);
  }

  abort(namespace: string, name: string, cause: AbortCause): void {
    this.#aborts.inc({ namespace, name, cause });
  }

  reverted(seconds: number): void {
    if (seconds >= 0) this.#revert.observe(seconds);
  }

  notification(kind: string, result: string): void {
    this.#notifications.inc({ kind, result });
  }

  pass(outcome: string, ms: number): void {
    this.#lastWorkAt = systemClock.monotonic();
    this.#passes.observe({ outcome }, ms / 1000);
  }

  queue(observation: QueueObservation): void {
    if (observation.kind === 'started')
      this.#queueWait.observe({ lane: observation.lane }, observation.waitedMs / 1000);
  }

  depth(lane: string, depth: number): void {
    this.#queueDepth.set({ lane }, depth);
  }

  request(observation: RequestObservation): void {
    const { verb, resource, status, code } = observation;
    this.#requests.inc({ verb, resource, code: status > 0 ? String(status) : (code ?? 'none') });
    if (verb !== 'watch') this.#requestTime.observe({ verb }, observation.ms / 1000);
  }

  watch(resource: string, what: string): void {
    this.#watches.inc({ resource, what });
  }

  event(result: string): void {
    this.#events.inc({ result });
  }

  leader(isLeader: boolean): void {
    this.#leader.set(isLeader ? 1 : 0);
  }

  #gauge(name: string, help: string, labelNames: string[]) {
    return new Gauge({ name, help, labelNames, registers: [this.registry] });
  }

  #counter(name: string, help: string, labelNames: string[]) {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }

  #histogram(name: string, help: string, labelNames: string[], buckets: number[]) {
    return new Histogram({ name, help, labelNames, buckets, registers: [this.registry] });
  }
}

function dropSeries(metric: Gauge<string> | Counter<string>, namespace: string, name: string): void {
  void metric.get().then(({ values }) => {
    for (const { labels } of values)
      if (labels['namespace'] === namespace && labels['name'] === name) metric.remove(labels);
  });
}
