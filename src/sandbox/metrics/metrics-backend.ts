import { KubeClient } from '../../kube/client.ts';
import type { Clock } from '../../kube/clock.ts';
import { systemClock } from '../../kube/clock.ts';
import type { ClusterConfig } from '../../kube/config.ts';
import { Reflector } from '../../kube/reflector.ts';
import { Transport } from '../../kube/transport.ts';
import type { PodNetwork } from '../workloads/pod-network.ts';
import { PODS } from '../workloads/workload-types.ts';
import { startClusterStateMetrics } from './cluster-state-metrics.ts';
import { startEmbeddedMetrics } from './embedded-metrics.ts';
import { findPrometheus, startRealPrometheus } from './real-prometheus.ts';
import type { ScrapeTarget } from './scrape-target.ts';
import { gatewayTarget, podTargets } from './scrape-target.ts';

/** Something that speaks Prometheus' query API and scrapes the sandbox. */
export interface MetricsBackend {
  /** Base URL of the API, without a trailing slash. */
  readonly url: string;
  /** `prometheus`: the real one runs. `embedded`: the evaluator of the sandbox. */
  readonly kind: 'prometheus' | 'embedded';
  stop(): Promise<void>;
}

/** Input of {@link startMetrics}. */
export interface MetricsOptions {
  /** The API server, to know the pods. */
  readonly config: ClusterConfig;
  readonly network: PodNetwork;
  /** Scraped as job `gateway` when given. */
  readonly gatewayUrl?: string | undefined;
  /** Default 1 000. */
  readonly scrapeIntervalMs?: number | undefined;
  /** Port of the query API; default: any free one. */
  readonly port?: number | undefined;
  /**
   * The prometheus program. Default: SLUICE_PROMETHEUS, then `prometheus` on PATH; `embedded` in either place forces the
   * embedded evaluator.
   */
  readonly prometheus?: string | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: (() => number) | undefined;
  readonly log?: ((line: string) => void) | undefined;
}

/** Starts scraping and the query API: the real Prometheus when there is one, else the embedded evaluator. @throws Error */
export async function startMetrics(options: MetricsOptions): Promise<MetricsBackend> {
  const { config, network, gatewayUrl, clock = systemClock, random = Math.random, log = () => {} } = options;
  const transport = new Transport({ config, clock, userAgent: 'sluice-sandbox-metrics' });
  const client = new KubeClient({ transport, fieldManager: 'sandbox-metrics' });
  const pods = new Reflector({ client, type: PODS, clock, random, minWatchSpacingMs: 100 });
  const state = await startClusterStateMetrics(pods.store);
  const targets = (): ScrapeTarget[] => [
    ...podTargets(pods.store, network),
    { address: new URL(state.url).host, path: '/metrics', labels: { job: 'kube-state-metrics', instance: 'sandbox' } },
    ...(gatewayUrl === undefined ? [] : [gatewayTarget(gatewayUrl)]),
  ];
  const end = async () => {
    await pods.stop();
    await state.close();
    transport.close();
  };
  pods.start();
  try {
    if (!(await pods.waitForSync(15_000))) throw new Error('sandbox metrics: cannot list pods within 15 s');
    const program = await findPrometheus(options.prometheus);
    const intervalMs = options.scrapeIntervalMs ?? 1000;
    const settings = { targets, intervalMs, port: options.port, clock };
    const running =
      program === undefined
        ? await startEmbeddedMetrics(settings)
        : await startRealPrometheus({ ...settings, program, log });
    return {
      url: running.url,
      kind: program === undefined ? 'embedded' : 'prometheus',
      stop: async () => {
        await running.stop();
        await end();
      },
    };
  } catch (error) {
    await end();
    throw error;
  }
}
