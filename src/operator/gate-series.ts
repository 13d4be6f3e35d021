import { Gauge, type Registry } from 'prom-client';

/** A metric of an AnalysisRun, and where its Rollout is. */
export interface MeasuredMetric {
  readonly namespace: string;
  readonly name: string;
  readonly run: string;
  readonly metric: string;
}

/**
 * What running analyses measure, and against what. The series of a metric end with its run: a bad value that stood until the
 * next canary would be an alert that nobody can end.
 */
export class GateSeries {
  readonly #value: Gauge<string>;
  readonly #threshold: Gauge<string>;
  /** Which run a metric was measured for, by metric, by `namespace/name` of the Rollout. */
  readonly #runs = new Map<string, Map<string, string>>();

  constructor(registry: Registry) {
    this.#value = new Gauge({
      name: 'sluice_gate_value',
      help: 'Last measured value of a metric of a running analysis.',
      labelNames: ['namespace', 'name', 'metric'],
      registers: [registry],
    });
    this.#threshold = new Gauge({
      name: 'sluice_gate_threshold',
      help: 'Numeric threshold of a metric of a running analysis.',
      labelNames: ['namespace', 'name', 'metric', 'bound'],
      registers: [registry],
    });
  }

  set(
    { namespace, name, run, metric }: MeasuredMetric,
    value: number | undefined,
    { min, max }: { min?: number | undefined; max?: number | undefined },
  ): void {
    const key = `${namespace}/${name}`;
    const runs = this.#runs.get(key) ?? new Map<string, string>();
    // Another run may have other bounds.
    if (runs.get(metric) !== run) this.#remove(namespace, name, metric);
    this.#runs.set(key, runs.set(metric, run));
    if (value !== undefined && Number.isFinite(value)) this.#value.set({ namespace, name, metric }, value);
    if (min !== undefined) this.#threshold.set({ namespace, name, metric, bound: 'min' }, min);
    if (max !== undefined) this.#threshold.set({ namespace, name, metric, bound: 'max' }, max);
  }

  /** Ends what was measured of a Rollout for other runs than these. */
  keep(namespace: string, name: string, runs: readonly (string | undefined)[]): void {
    const key = `${namespace}/${name}`;
    const known = this.#runs.get(key);
    if (!known) return;
    for (const [metric, run] of known) {
      if (runs.includes(run)) continue;
      known.delete(metric);
      this.#remove(namespace, name, metric);
    }
    if (known.size === 0) this.#runs.delete(key);
  }

  #remove(namespace: string, name: string, metric: string): void {
    this.#value.remove({ namespace, name, metric });
    for (const bound of ['min', 'max']) this.#threshold.remove({ namespace, name, metric, bound });
  }
}
