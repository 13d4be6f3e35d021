import type { IncomingMessage } from 'node:http';
import { Agent, request as httpRequest } from 'node:http';
import type { Clock, TimerHandle } from '../../kube/clock.ts';
import { systemClock } from '../../kube/clock.ts';
import { IMAGE_HEADER, POD_HEADER } from '../workloads/pod-server.ts';
import type { LoadSample, LoadSecond } from './load-window.ts';
import { isFailure, LoadWindow } from './load-window.ts';

/** Input of {@link LoadGenerator}. */
export interface LoadGeneratorOptions {
  /** Where to send to, on loopback: the gateway's URL with a path, such as `http://127.0.0.1:8080/`. */
  readonly url: string;
  /** Sent as the Host header, for routes with hostnames. */
  readonly host?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Default 50, at most 1000. */
  readonly requestsPerSecond?: number | undefined;
  /** Requests that may be open at once; further ones are skipped and counted. Default 100. */
  readonly maxInFlight?: number | undefined;
  /** Default 5 000. */
  readonly timeoutMs?: number | undefined;
  /** How long seconds are kept. Default 300. */
  readonly keptSeconds?: number | undefined;
  /** Told of every request that ended. */
  readonly onSample?: ((sample: LoadSample & { readonly pod: string }) => void) | undefined;
  readonly clock?: Clock | undefined;
}

/** All requests since the start. */
export interface LoadTotals {
  readonly total: number;
  readonly failed: number;
  readonly skipped: number;
}

const TICK_MS = 20;
const MOST_PER_SECOND = 1000;

/** Sends GET requests at a steady rate to an address on loopback, and nowhere else, and remembers what came back. */
export class LoadGenerator {
  readonly #options: LoadGeneratorOptions;
  readonly #clock: Clock;
  readonly #target: URL;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 128 });
  readonly #window: LoadWindow;
  readonly #open = new Set<{ destroy(): void }>();
  #rate = 0;
  #totals = { total: 0, failed: 0, skipped: 0 };
  #timer: TimerHandle;
  #running = false;
  #tickedAt = 0;
  /** Requests that are due; keeps the fraction between ticks. */
  #due = 0;

  /** @throws RangeError when the address is not on loopback or the rate is out of bounds */
  constructor(options: LoadGeneratorOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#target = new URL(options.url);
    const isLoopback = ['127.0.0.1', 'localhost', '[::1]'].includes(this.#target.hostname);
    if (this.#target.protocol !== 'http:' || !isLoopback) {
      throw new RangeError(`load goes to http on loopback only, not to ${options.url}`);
    }
    this.#window = new LoadWindow(options.keptSeconds ?? 300);
    this.setRate(options.requestsPerSecond ?? 50);
  }

  /** Requests per second as set. */
  get requestsPerSecond(): number {
    return this.#rate;
  }

  /** Changes the rate at once; 0 pauses. @throws RangeError below 0 or above 1000 */
  setRate(requestsPerSecond: number): void {
    if (!(requestsPerSecond >= 0 && requestsPerSecond <= MOST_PER_SECOND)) {
      throw new RangeError(`${requestsPerSecond} requests per second: give 0 to ${MOST_PER_SECOND}`);
    }
    this.#rate = requestsPerSecond;
  }

  /** Begins to send. */
  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#tickedAt = this.#clock.monotonic();
    this.#schedule();
  }

  /** Ends, and cuts what is still open (it is not counted). */
  async stop(): Promise<void> {
    this.#running = false;
    this.#clock.clearTimeout(this.#timer);
    for (const request of this.#open) request.destroy();
    this.#agent.destroy();
    await new Promise(resolve => setImmediate(resolve));
  }

  /** The last seconds, oldest first; see {@link LoadSecond}. */
  lastSeconds(seconds: number): LoadSecond[] {
    return this.#window.last(seconds);
  }

  /** Counts since the start. */
  totals(): LoadTotals {
    return { ...this.#totals };
  }

  #schedule(): void {
    this.#timer = this.#clock.setTimeout(() => {
      this.#tick();
      if (this.#running) this.#schedule();
    }, TICK_MS);
  }

  #tick(): void {
    const now = this.#clock.monotonic();
    // After a pause of the process nothing is made up for beyond a quarter of a second.
    this.#due += (Math.min(250, now - this.#tickedAt) * this.#rate) / 1000;
    this.#tickedAt = now;
    for (; this.#due >= 1; this.#due -= 1) {
      if (this.#open.size < (this.#options.maxInFlight ?? 100)) this.#send();
      else {
        this.#totals.skipped += 1;
        this.#window.skip(this.#clock.now());
      }
    }
  }

  #send(): void {
    const startedAt = this.#clock.monotonic();
    const { host, headers, timeoutMs = 5000 } = this.#options;
    const options = { agent: this.#agent, headers: { ...headers, ...(host === undefined ? {} : { host }) } };
    let answer: IncomingMessage | undefined;
    const request = httpRequest(this.#target, options, message => {
      answer = message.resume();
    });
    const timer = this.#clock.setTimeout(() => request.destroy(), timeoutMs);
    // What went wrong shows as an answer that is missing or incomplete.
    request.on('error', () => {});
    request.once('close', () => {
      this.#clock.clearTimeout(timer);
      this.#open.delete(request);
      if (!this.#running) return;
      const code = answer?.complete ? (answer.statusCode ?? 0) : 0;
      const image = answer ? String(answer.headers[IMAGE_HEADER] ?? 'gateway') : 'none';
      const pod = String(answer?.headers[POD_HEADER] ?? '');
      this.#record({ code, image, ms: this.#clock.monotonic() - startedAt }, pod);
    });
    this.#open.add(request);
    request.end();
  }

  #record(sample: LoadSample, pod: string): void {
    this.#totals.total += 1;
    if (isFailure(sample.code)) this.#totals.failed += 1;
    this.#window.record(this.#clock.now(), sample);
    this.#options.onSample?.({ ...sample, pod });
  }
}
