import type { Sample } from '../analysis/sample.ts';
import { type MetricProviderSpec, metricProviderSpecSchema } from '../api/metric-provider.ts';
import { firstIssue } from '../api/spec-issue.ts';
import type { Clock } from '../kube/clock.ts';
import type { Reflector } from '../kube/reflector.ts';
import type { MetricProvider } from '../providers/metric-provider.ts';
import { createPrometheusProvider, type RenderedPrometheusQuery } from '../providers/prometheus.ts';
import type { SecretReader } from './secrets.ts';

interface Entry {
  readonly version: string;
  readonly spec: MetricProviderSpec;
  readonly provider: MetricProvider<RenderedPrometheusQuery>;
}

/** Connections to the declared metric sources, kept while their MetricProvider is there and does not change. */
export class ProviderPool {
  readonly #cache: Reflector;
  readonly #secrets: SecretReader;
  readonly #namespace: string;
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();

  constructor(cache: Reflector, secrets: SecretReader, operatorNamespace: string, clock: Clock) {
    this.#cache = cache;
    this.#secrets = secrets;
    this.#namespace = operatorNamespace;
    this.#clock = clock;
    cache.store.addHandler((type, object) => {
      if (type === 'deleted') this.#drop(object.metadata.name);
    });
  }

  /** The provider of that name for a namespace, or the sample that stands for its absence. */
  get(
    name: string,
    namespace: string,
  ): MetricProvider<RenderedPrometheusQuery> | Extract<Sample, { kind: 'ProviderError' | 'ConfigError' }> {
    const object = this.#cache.store.get({ name });
    if (!object)
      return {
        kind: 'ProviderError',
        retryable: true,
        message: `MetricProvider ${name} does not exist; create it or change providerRef`,
      };
    const version = `${object.metadata.uid ?? ''}/${object.metadata.generation ?? object.metadata.resourceVersion ?? ''}`;
    let entry = this.#entries.get(name);
    if (entry?.version !== version) {
      this.#drop(name);
      const parsed = metricProviderSpecSchema.safeParse(object['spec']);
      if (!parsed.success) return wrongProvider(`MetricProvider ${name}: ${firstIssue(parsed.error)}`);
      entry = {
        version,
        spec: parsed.data,
        provider: createPrometheusProvider({
          spec: parsed.data,
          readSecret: ref => this.#secrets.readKept(this.#namespace, ref),
          forgetSecret: ref => this.#secrets.forget(this.#namespace, ref.name),
          now: () => this.#clock.now(),
        }),
      };
      this.#entries.set(name, entry);
    }
    if (entry.spec.namespaces && !entry.spec.namespaces.includes(namespace))
      return wrongProvider(
        `MetricProvider ${name} is not open to namespace ${namespace}; ask the platform team to add it to spec.namespaces`,
      );
    return entry.provider;
  }

  #drop(name: string): void {
    this.#entries.get(name)?.provider.close();
    this.#entries.delete(name);
  }

  close(): void {
    for (const { provider } of this.#entries.values()) provider.close();
    this.#entries.clear();
  }
}

function wrongProvider(message: string): Extract<Sample, { kind: 'ConfigError' }> {
  return { kind: 'ConfigError', message: message.slice(0, 256), ofProvider: true };
}
