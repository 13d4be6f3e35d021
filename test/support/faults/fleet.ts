import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeObject } from '../control-plane/api-client.ts';
import { rollout } from '../matrix/shop-objects.ts';
import type { Stage } from '../matrix/stage.ts';

/** A change of a Rollout, and how long the operator took to act on it. */
export interface Reaction {
  readonly name: string;
  readonly what: 'template' | 'replicas';
  /** Milliseconds from the API server's answer to the status that says it was seen; undefined: never. */
  readonly ms: number | undefined;
}

/** How long a change may go unanswered before it counts as missed. */
const MISSED_MS = 60_000;

/** A few small Rollouts without a router that are changed all the time, one change of each after the other. */
export class Fleet {
  readonly reactions: Reaction[] = [];
  readonly #stage: Stage;
  readonly #names: readonly string[];
  readonly #random: () => number;

  constructor(stage: Stage, size: number, random: () => number) {
    this.#stage = stage;
    this.#names = Array.from({ length: size }, (_, nth) => `fleet-${nth}`);
    this.#random = random;
  }

  /** Declares all of them; resolves when they are healthy. */
  async deploy(): Promise<void> {
    for (const name of this.#names) await this.#stage.apply([declared(name, 'shop:1.0.0', 1)]);
    for (const name of this.#names)
      await this.#stage.until(`${name} is healthy`, () => this.#isAt(name, 'shop:1.0.0', 1));
  }

  /** Changes them for so long, and waits each time until the operator has answered. */
  async change(forMs: number): Promise<void> {
    const until = performance.now() + forMs;
    await Promise.all(this.#names.map(name => this.#changeOne(name, until)));
  }

  /** What is not as it was declared last; nothing: all went through. */
  async unsettled(): Promise<string[]> {
    const deadline = performance.now() + MISSED_MS;
    const open = () => this.#names.filter(name => !this.#isSettled(name));
    while (open().length > 0 && performance.now() < deadline) await sleep(50);
    return open().map(name => `${name}: ${JSON.stringify(this.#get(name)?.['status']).slice(0, 400)}`);
  }

  async #changeOne(name: string, until: number): Promise<void> {
    let version = 0;
    let replicas = 1;
    for (; performance.now() < until; await sleep(1_000 + 1_500 * this.#random())) {
      const what = this.#random() < 0.5 ? 'template' : 'replicas';
      if (what === 'template') version += 1;
      else replicas = 3 - replicas;
      await this.#stage.apply([declared(name, `shop:1.0.${version}`, replicas)]);
      const applied = performance.now();
      const generation = this.#get(name)?.metadata.generation ?? 0;
      const ms = await this.#answered(name, `shop:1.0.${version}`, replicas, generation, applied);
      this.reactions.push({ name, what, ms });
    }
  }

  /** The stored set of this image has these replicas, or the status names the declaration. */
  async #answered(name: string, image: string, replicas: number, since: number, applied: number) {
    while (performance.now() - applied < MISSED_MS) {
      const found = this.#get(name);
      const { generation = 0 } = found?.metadata ?? {};
      const { observedGeneration = 0 } = (found?.['status'] ?? {}) as { observedGeneration?: number };
      const isDeclared = imageOf(found) === image && specOf(found).replicas === replicas && generation >= since;
      if (isDeclared && observedGeneration >= generation) return Math.round(performance.now() - applied);
      await sleep(10);
    }
    return undefined;
  }

  #isSettled(name: string): boolean {
    const found = this.#get(name);
    return this.#isAt(name, imageOf(found) ?? '', specOf(found).replicas ?? -1);
  }

  #isAt(name: string, image: string, replicas: number): boolean {
    const found = this.#get(name);
    const status = (found?.['status'] ?? {}) as {
      phase?: string;
      observedGeneration?: number;
      stable?: { images?: string[] };
    };
    const sets = this.#stage.history.all('replicasets').filter(set => ownerOf(set) === found?.metadata.uid);
    const running = sets.filter(set => (specOf(set).replicas ?? 0) > 0);
    return (
      status.phase === 'Healthy' &&
      status.observedGeneration === found?.metadata.generation &&
      status.stable?.images?.[0] === image &&
      running.length === 1 &&
      specOf(running[0]).replicas === replicas
    );
  }

  #get(name: string): KubeObject | undefined {
    return this.#stage.history.get('rollouts', name);
  }
}

function declared(name: string, image: string, replicas: number) {
  const strategy = {
    canary: { steps: [{ setWeight: 50 }, { pause: { duration: '100ms' } }] },
  };
  const { root, plural, object } = rollout(image, strategy, replicas);
  const labels = { app: name };
  const spec = object['spec'] as { template: { spec: object } };
  const template = { metadata: { labels }, spec: spec.template.spec };
  return {
    root,
    plural,
    object: { ...object, metadata: { name }, spec: { ...spec, selector: { matchLabels: labels }, template } },
  };
}

interface Spec {
  readonly replicas?: number;
  readonly template?: { readonly spec?: { readonly containers?: readonly { readonly image?: string }[] } };
}

function specOf(object: KubeObject | undefined): Spec {
  return (object?.['spec'] ?? {}) as Spec;
}

function imageOf(object: KubeObject | undefined): string | undefined {
  return specOf(object).template?.spec?.containers?.[0]?.image;
}

function ownerOf(object: KubeObject): string | undefined {
  return (object.metadata as { ownerReferences?: { uid: string }[] }).ownerReferences?.[0]?.uid;
}
