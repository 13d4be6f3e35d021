import { setTimeout as sleep } from 'node:timers/promises';
import { type ApiClient, ApiFailure, type KubeObject } from './control-plane/api-client.ts';
import type { PodAddresses } from './fake-kubelet-addresses.ts';
import { behaviourOfImage, behaviourOfTag, type PodBehaviour } from './fake-kubelet-behaviour.ts';
import { type PodServer, startPodServer } from './fake-kubelet-server.ts';
import { type ContainerState, podStatus } from './fake-kubelet-status.ts';
import { persistently } from './persistently.ts';

/** What a pod needs from its node. */
export interface PodHost {
  readonly client: ApiClient;
  readonly addresses: PodAddresses;
  readonly hostIp: string;
  readonly readyDelayMs: number;
  readonly drainMs: number;
  /** Behaviour that a test set for this pod since; laid over the one of its image. */
  override(pod: KubeObject): Partial<PodBehaviour>;
  /** Called after each change of readiness. */
  changed(): void;
}

const BEHAVIOUR_ANNOTATION = 'rig.sluice/behaviour';
const FIRST_BACKOFF_MS = 1_000;
const LONGEST_BACKOFF_MS = 10_000;

/** One pod on the fake node, from its first sight to the DELETE that ends it. */
export class FakePod {
  readonly ports: number[];
  readonly #host: PodHost;
  readonly #ending = new AbortController();
  #object: KubeObject;
  #state: ContainerState = { is: 'creating' };
  #restarts = 0;
  #lastCrashAt: string | undefined;
  #isAbandoned = false;
  #server: PodServer | undefined;
  #address: string | undefined;
  #writes: Promise<void> = Promise.resolve();
  #life: Promise<void>;

  constructor(host: PodHost, object: KubeObject) {
    this.#host = host;
    this.#object = object;
    const { containers } = object.spec as { containers: { ports?: { containerPort: number }[] }[] };
    const ports = containers.flatMap(container => container.ports ?? []).map(port => port.containerPort);
    this.ports = ports.length > 0 ? ports : [8080];
    this.#life = this.#live().catch(error => this.#complain(error));
  }

  get object(): KubeObject {
    return this.#object;
  }

  get address(): string | undefined {
    return this.#address;
  }

  get ready(): boolean {
    return this.#state.is === 'running' && this.#state.ready && !this.#ending.signal.aborted;
  }

  get restarts(): number {
    return this.#restarts;
  }

  /** How the pod behaves now: image tag, then annotation, then the test's override. */
  behaviour(): PodBehaviour {
    const { containers } = this.#object.spec as { containers: { image: string }[] };
    const ofImage = behaviourOfImage(containers[0]?.image ?? '');
    const annotation = this.#object.metadata.annotations?.[BEHAVIOUR_ANNOTATION];
    const base = annotation === undefined ? ofImage : { ...behaviourOfTag(annotation), version: ofImage.version };
    return { ...base, ...this.#host.override(this.#object) };
  }

  /** Takes in a newer version of the object; begins the end when it is being deleted, rewrites Ready for readiness gates. */
  update(object: KubeObject): void {
    this.#object = object;
    if (object.metadata.deletionTimestamp !== undefined) {
      if (!this.#ending.signal.aborted) this.#life = this.#end().catch(error => this.#complain(error));
    } else if ((object.spec as { readinessGates?: unknown[] }).readinessGates !== undefined) void this.#report();
  }

  /** Resolves when the pod's server is closed and nothing more is written; the API object is left as it is. */
  async abandon(): Promise<void> {
    this.#isAbandoned = true;
    this.#ending.abort();
    await this.#life;
    await this.#release();
    await this.#writes;
  }

  async #live(): Promise<void> {
    if (this.behaviour().pullFails) return await this.#enter({ is: 'pullFails' });
    this.#address = this.#host.addresses.take();
    for (;;) {
      const { crashAfterMs } = this.behaviour();
      if (crashAfterMs !== 0) await this.#run();
      if (crashAfterMs === undefined || (await this.#paused(crashAfterMs))) return;
      await this.#crash();
      const backoffMs = Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** this.#restarts);
      if (await this.#paused(backoffMs)) return;
      this.#restarts++;
    }
  }

  async #run(): Promise<void> {
    const { crashAfterMs, readyAfterMs } = this.behaviour();
    const identity = { namespace: this.#object.metadata.namespace ?? 'default', pod: this.#object.metadata.name };
    if (this.#host.addresses.routed && this.#address !== undefined)
      this.#server = await startPodServer(this.#address, this.ports, identity, () => this.behaviour());
    const startedAt = now();
    const delayMs = this.#host.readyDelayMs + readyAfterMs;
    if (delayMs > 0) await this.#enter({ is: 'running', ready: false, startedAt });
    if (delayMs >= (crashAfterMs ?? Number.POSITIVE_INFINITY) || (await this.#paused(delayMs))) return;
    await this.#enter({ is: 'running', ready: true, startedAt });
  }

  async #crash(): Promise<void> {
    await this.#server?.close();
    this.#server = undefined;
    const finishedAt = now();
    this.#lastCrashAt = finishedAt;
    await this.#enter({ is: 'crashed', finishedAt });
  }

  /** What a kubelet does on deletion: not ready, time to drain, stop, then the final DELETE. */
  async #end(): Promise<void> {
    const living = this.#life;
    this.#ending.abort();
    await living;
    if (this.#state.is === 'running') this.#state = { ...this.#state, ready: false };
    await this.#report();
    this.#host.changed();
    await sleep(this.#host.drainMs);
    await this.#release();
    const { namespace, name, uid } = this.#object.metadata;
    const options = { gracePeriodSeconds: 0, preconditions: { uid } };
    const path = `/api/v1/namespaces/${namespace}/pods/${name}`;
    await this.#persistently(() => this.#host.client.delete(path, options)).catch(ignoreGone);
  }

  async #enter(state: ContainerState): Promise<void> {
    if (this.#ending.signal.aborted) return;
    this.#state = state;
    await this.#report();
    this.#host.changed();
  }

  /** Writes the status, one write at a time per pod. */
  #report(): Promise<void> {
    const write = async () => {
      const { namespace, name, uid } = this.#object.metadata;
      const status = podStatus(this.#object, {
        state: this.#state,
        restarts: this.#restarts,
        lastCrashAt: this.#lastCrashAt,
        podIp: this.#address,
        hostIp: this.#host.hostIp,
        now: now(),
      });
      const path = `/api/v1/namespaces/${namespace}/pods/${name}/status`;
      const patch = () => this.#host.client.patch(path, 'strategic', { metadata: { uid }, status });
      const stored = await this.#persistently(patch).catch(ignoreGone);
      // Keeps transition times for the next write, which may come before the watch event of this one.
      if (stored !== undefined) this.#object = { ...this.#object, status: stored.status };
    };
    this.#writes = this.#writes.then(write).catch(error => this.#complain(error));
    return this.#writes;
  }

  #persistently<T>(ask: () => Promise<T>): Promise<T> {
    return persistently(ask, () => !this.#isAbandoned);
  }

  /** Waits; whether the pod is ending. Never comes back by itself from an infinite time. */
  async #paused(ms: number): Promise<boolean> {
    if (this.#ending.signal.aborted) return true;
    const endless = ms === Number.POSITIVE_INFINITY;
    if (ms > 0)
      await sleep(endless ? 2 ** 31 - 1 : ms, undefined, { signal: this.#ending.signal }).catch(() => undefined);
    return this.#ending.signal.aborted;
  }

  async #release(): Promise<void> {
    await this.#server?.close();
    this.#server = undefined;
    if (this.#address !== undefined) this.#host.addresses.giveBack(this.#address);
    this.#address = undefined;
  }

  #complain(error: unknown): void {
    if (this.#ending.signal.aborted && !(error instanceof ApiFailure)) return;
    console.error(`fake kubelet: pod ${this.#object.metadata.namespace}/${this.#object.metadata.name}: ${error}`);
  }
}

const now = () => new Date().toISOString().replace(/\.\d+Z$/, 'Z');

/** The pod may be gone (404) or be another one of the same name (409). */
function ignoreGone(error: unknown): undefined {
  if (error instanceof ApiFailure && (error.status === 404 || error.status === 409)) return undefined;
  throw error;
}
