import type { Clock, TimerHandle } from '../../kube/clock.ts';
import { sleep } from '../../kube/sleep.ts';
import type { LoopbackServer } from './loopback-server.ts';
import type { PodBehaviour } from './pod-behaviour.ts';
import { behaviourOfImage } from './pod-behaviour.ts';
import type { PodNetwork } from './pod-network.ts';
import type { PodIdentity } from './pod-server.ts';
import { startPodServer } from './pod-server.ts';

/** Where a container is in its life. Times are RFC 3339. */
export type ContainerState =
  | { readonly is: 'creating' }
  /** Waiting for ever: the image cannot be had. */
  | { readonly is: 'noImage'; readonly reason: 'ImagePullBackOff' | 'InvalidImageName'; readonly message: string }
  | { readonly is: 'running'; readonly ready: boolean; readonly startedAt: string }
  | { readonly is: 'crashed'; readonly startedAt: string; readonly finishedAt: string };

/** Times of a pod's life, in milliseconds. */
export interface PodTimings {
  /** From creation to the start of the container. Default 300. */
  readonly startDelayMs: number;
  /** How long a pod that is being deleted still answers, after it went NotReady. Default 500. */
  readonly drainMs: number;
  /** First and longest wait before a crashed container starts again; a real kubelet has 10 s and 5 min. Default 1 000 and 15 000. */
  readonly crashBackoffMs: number;
  readonly maxCrashBackoffMs: number;
}

/** What {@link PodTimings} is when nothing else is said. */
export const DEFAULT_POD_TIMINGS: PodTimings = {
  startDelayMs: 300,
  drainMs: 500,
  crashBackoffMs: 1000,
  maxCrashBackoffMs: 15_000,
};

/** Input of {@link PodRuntime}. */
export interface PodRuntimeOptions {
  readonly uid: string;
  readonly identity: PodIdentity;
  readonly network: PodNetwork;
  readonly clock: Clock;
  readonly timings: PodTimings;
  /** Something that the pod's status shows has changed. */
  readonly onChange: () => void;
}

/** The life of one pod: a real HTTP server that starts, crashes, becomes ready and drains as its image tag says. */
export class PodRuntime {
  readonly uid: string;
  readonly ip: string;
  readonly #options: PodRuntimeOptions;
  #state: ContainerState = { is: 'creating' };
  #lastCrash: Extract<ContainerState, { is: 'crashed' }> | undefined;
  #restarts = 0;
  #server: LoopbackServer | undefined;
  #timer: TimerHandle;
  #phase: 'alive' | 'terminating' | 'ended' = 'alive';
  #ending: Promise<void> | undefined;
  readonly #cut = new AbortController();

  constructor(options: PodRuntimeOptions) {
    this.#options = options;
    this.uid = options.uid;
    this.ip = options.network.allocate();
    const image = behaviourOfImage(options.identity.image);
    if (!image.valid) this.#state = { is: 'noImage', reason: 'InvalidImageName', message: image.problem };
    else this.#after(options.timings.startDelayMs, () => this.#pulled(image.behaviour));
  }

  /** The container as it is now. */
  get state(): ContainerState {
    const { is } = this.#state;
    return is === 'running' && this.#phase !== 'alive' ? { ...this.#state, ready: false } : this.#state;
  }

  /** How often the container was started again. */
  get restarts(): number {
    return this.#restarts;
  }

  /** How the container ended last, if it ever did. */
  get lastCrash(): Extract<ContainerState, { is: 'crashed' }> | undefined {
    return this.#lastCrash;
  }

  /** Whether nothing of it runs any more and its address is given back. */
  get hasEnded(): boolean {
    return this.#phase === 'ended';
  }

  /** NotReady at once; after the drain time the server closes and the pod has ended. */
  terminate(): Promise<void> {
    this.#ending ??= this.#end();
    return this.#ending;
  }

  /** Ends at once, without draining. */
  stop(): Promise<void> {
    this.#cut.abort();
    return this.terminate();
  }

  async #end(): Promise<void> {
    const { clock, timings, network, onChange } = this.#options;
    clock.clearTimeout(this.#timer);
    this.#phase = 'terminating';
    onChange();
    if (this.#server) {
      const drained = await sleep(clock, timings.drainMs, this.#cut.signal);
      network.detach(this.ip);
      await this.#server.close(drained ? 2000 : 0);
    }
    network.release(this.ip);
    this.#phase = 'ended';
    onChange();
  }

  #pulled(behaviour: PodBehaviour): void {
    if (!behaviour.pullFails) return void this.#run(behaviour);
    const { image } = this.#options.identity;
    const message = `Back-off pulling image "${image}"`;
    this.#become({ is: 'noImage', reason: 'ImagePullBackOff', message });
  }

  async #run(behaviour: PodBehaviour): Promise<void> {
    const { identity, clock, network } = this.#options;
    const startedAt = timestamp(clock);
    if (behaviour.crashAfterMs === 0) {
      this.#crash(behaviour, startedAt);
      return;
    }
    const server = await startPodServer(identity, behaviour, clock).catch(() => undefined);
    if (!server) {
      // No socket to be had: to the cluster that is a container that cannot start.
      if (this.#phase === 'alive') this.#crash(behaviour, startedAt);
      return;
    }
    if (this.#phase !== 'alive') {
      await server.close();
      return;
    }
    this.#server = server;
    network.attach(this.ip, { host: '127.0.0.1', port: server.port });
    const { readyAfterMs, crashAfterMs } = behaviour;
    this.#become({ is: 'running', ready: readyAfterMs === 0, startedAt });
    const crashIn = crashAfterMs ?? Number.POSITIVE_INFINITY;
    const crash = (ms: number) => {
      if (Number.isFinite(ms)) this.#after(ms, () => this.#crash(behaviour, startedAt));
    };
    if (readyAfterMs === 0 || crashIn <= readyAfterMs) crash(crashIn);
    else if (Number.isFinite(readyAfterMs)) {
      this.#after(readyAfterMs, () => {
        this.#become({ is: 'running', ready: true, startedAt });
        crash(crashIn - readyAfterMs);
      });
    }
  }

  #crash(behaviour: PodBehaviour, startedAt: string): void {
    const { clock, network, timings } = this.#options;
    network.detach(this.ip);
    void this.#server?.close();
    this.#server = undefined;
    this.#lastCrash = { is: 'crashed', startedAt, finishedAt: timestamp(clock) };
    this.#become(this.#lastCrash);
    const delayMs = Math.min(timings.maxCrashBackoffMs, timings.crashBackoffMs * 2 ** Math.min(this.#restarts, 20));
    this.#after(delayMs, () => {
      this.#restarts += 1;
      void this.#run(behaviour);
    });
  }

  #become(state: ContainerState): void {
    this.#state = state;
    this.#options.onChange();
  }

  #after(ms: number, action: () => void): void {
    this.#timer = this.#options.clock.setTimeout(() => {
      if (this.#phase === 'alive') action();
    }, ms);
  }
}

/** RFC 3339 with whole seconds, as Kubernetes writes it. */
export function timestamp(clock: Clock): string {
  return `${new Date(clock.now()).toISOString().slice(0, 19)}Z`;
}
