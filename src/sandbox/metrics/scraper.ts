import { Agent, get } from 'node:http';
import type { Clock, TimerHandle } from '../../kube/clock.ts';
import { systemClock } from '../../kube/clock.ts';
import { parseExposition } from './exposition.ts';
import type { Labels } from './labels.ts';
import { labelsKey, labelsOf, METRIC_NAME } from './labels.ts';
import type { ScrapeTarget } from './scrape-target.ts';
import type { TimeSeriesStore } from './time-series-store.ts';

/** Input of {@link Scraper}. */
export interface ScraperOptions {
  readonly store: TimeSeriesStore;
  /** What to scrape now; asked before every round. */
  readonly targets: () => readonly ScrapeTarget[];
  /** Default 1 000. */
  readonly intervalMs?: number | undefined;
  readonly clock?: Clock | undefined;
}

const LARGEST_BODY = 4 << 20;

/**
 * Reads all targets at a fixed interval. As Prometheus does, it adds `up`, and ends series (stale markers) that a target no longer
 * exposes, whose target is gone or whose scrape failed. A label of the target wins over one of the sample, which becomes `exported_...`.
 */
export class Scraper {
  readonly #options: ScraperOptions;
  readonly #clock: Clock;
  readonly #agent = new Agent({ keepAlive: true });
  /** The series of each target's last scrape. */
  #known = new Map<string, ReadonlyMap<string, Labels>>();
  #timer: TimerHandle;
  #running = false;
  #round: Promise<void> = Promise.resolve();

  constructor(options: ScraperOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** Begins with a round at once. */
  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#next(0);
  }

  /** Ends; a round in progress is waited for. */
  async stop(): Promise<void> {
    this.#running = false;
    this.#clock.clearTimeout(this.#timer);
    this.#agent.destroy();
    await this.#round;
  }

  /** Scrapes every target once, now. */
  async scrapeOnce(): Promise<void> {
    const atMs = this.#clock.now();
    const targets = this.#options.targets();
    const results = await Promise.all(targets.map(target => this.#scrape(target, atMs)));
    const next = new Map(results.map(({ key, series }) => [key, series]));
    for (const [key, series] of this.#known) this.#endMissing(series, next.get(key), atMs);
    this.#known = next;
    this.#options.store.prune(atMs);
  }

  #next(delayMs: number): void {
    this.#timer = this.#clock.setTimeout(() => {
      const startedAt = this.#clock.monotonic();
      this.#round = this.scrapeOnce().then(() => {
        const took = this.#clock.monotonic() - startedAt;
        if (this.#running) this.#next(Math.max(1, this.#intervalMs - took));
      });
    }, delayMs);
  }

  get #intervalMs(): number {
    return this.#options.intervalMs ?? 1000;
  }

  async #scrape(target: ScrapeTarget, atMs: number): Promise<{ key: string; series: Map<string, Labels> }> {
    const { store } = this.#options;
    const own = Object.entries(target.labels);
    const series = new Map<string, Labels>();
    const add = (labels: Labels, value: number) => {
      series.set(labelsKey(labels), labels);
      store.append(labels, atMs, value);
    };
    const text = await this.#read(target);
    const samples = text === undefined ? undefined : parseExposition(text);
    for (const sample of samples ?? []) {
      const exposed = sample.labels.map(
        ([name, value]) => [Object.hasOwn(target.labels, name) ? `exported_${name}` : name, value] as const,
      );
      add(labelsOf([...exposed, ...own]), sample.value);
    }
    add(labelsOf([[METRIC_NAME, 'up'], ...own]), samples === undefined ? 0 : 1);
    return { key: JSON.stringify(target.labels), series };
  }

  #endMissing(before: ReadonlyMap<string, Labels>, now: ReadonlyMap<string, Labels> | undefined, atMs: number): void {
    for (const [key, labels] of before) if (!now?.has(key)) this.#options.store.markStale(labels, atMs);
  }

  /** The exposition, or undefined when it cannot be had. */
  #read({ address, path }: ScrapeTarget): Promise<string | undefined> {
    return new Promise(resolve => {
      const request = get(`http://${address}${path}`, { agent: this.#agent }, answer => {
        const chunks: Buffer[] = [];
        let size = 0;
        answer.on('data', (chunk: Buffer) => {
          size += chunk.length;
          if (size > LARGEST_BODY) request.destroy();
          else chunks.push(chunk);
        });
        answer.once('end', () => resolve(answer.statusCode === 200 ? Buffer.concat(chunks).toString() : undefined));
      });
      const timer = this.#clock.setTimeout(() => request.destroy(), Math.max(1000, this.#intervalMs));
      request.on('error', () => {});
      request.once('close', () => {
        this.#clock.clearTimeout(timer);
        resolve(undefined);
      });
    });
  }
}
