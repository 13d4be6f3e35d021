import type { Clock } from '../../kube/clock.ts';
import { startPrometheusApi } from './prometheus-api.ts';
import { QueryEngine } from './query-engine.ts';
import type { ScrapeTarget } from './scrape-target.ts';
import { Scraper } from './scraper.ts';
import { TimeSeriesStore } from './time-series-store.ts';

/** What scrapes and answers queries. */
export interface RunningMetrics {
  readonly url: string;
  stop(): Promise<void>;
}

/** Scrapes into memory and answers with the evaluator of the sandbox. */
export async function startEmbeddedMetrics(options: {
  readonly targets: () => readonly ScrapeTarget[];
  readonly intervalMs: number;
  readonly port: number | undefined;
  readonly clock: Clock;
}): Promise<RunningMetrics> {
  const store = new TimeSeriesStore();
  const { targets, intervalMs, port, clock } = options;
  const engine = new QueryEngine(store);
  const api = await startPrometheusApi({ store, engine, now: () => clock.now(), port });
  const scraper = new Scraper({ store, targets, intervalMs, clock });
  scraper.start();
  return {
    url: api.url,
    stop: async () => {
      await scraper.stop();
      await api.close();
    },
  };
}
