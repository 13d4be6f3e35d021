import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiClient, KubeObject } from '../control-plane/api-client.ts';
import { type Declared, rollout, surroundings } from '../matrix/shop-objects.ts';
import type { Stage } from '../matrix/stage.ts';

/** A change of a Rollout. */
export interface FleetChange {
  readonly name: string;
  /** The first one declares it. */
  readonly generation: number;
  /** The one that it brings; undefined when it changes the number of pods. */
  readonly image: string | undefined;
  /** Whether the operator has answered in time. */
  readonly answered: boolean;
}

/** A Rollout with Services and a route that came, and went again with all of that. */
export interface Visit {
  readonly name: string;
  /** What did not become of it in time; undefined: it was healthy, and then nothing was left of it. */
  readonly missed: 'healthy' | 'gone' | undefined;
}

/** How long a change may go unanswered before it counts as missed. */
const MISSED_MS = 60_000;

/** Every so manieth has a route. */
const ROUTED = 5;

/** Those that come and go meanwhile; the next one has the name of the last. */
const VISITORS = ['visitor-0', 'visitor-1'] as const;

/**
 * A few small Rollouts, some of them with a route, that are changed all the time, one change of each after the other. Beside them
 * others come and go.
 */
export class Fleet {
  readonly changes: FleetChange[] = [];
  readonly visits: Visit[] = [];
  readonly #stage: Stage;
  readonly #client: ApiClient;
  readonly #names: readonly string[];
  readonly #random: () => number;

  /** @param client of who deletes */
  constructor(stage: Stage, client: ApiClient, size: number, random: () => number) {
    this.#stage = stage;
    this.#client = client;
    this.#names = Array.from({ length: size }, (_, nth) => `fleet-${nth}`);
    this.#random = random;
  }

  /** Declares all of them; resolves when they are healthy. */
  async deploy(): Promise<void> {
    for (const [nth, name] of this.#names.entries()) {
      if (isRouted(nth)) await this.#stage.apply(around(name));
      await this.#stage.apply([declared(name, 'shop:1.0.0', 1, isRouted(nth))]);
    }
    for (const name of this.#names)
      await this.#stage.until(`${name} is healthy`, () => this.#isAt(name, 'shop:1.0.0', 1));
  }

  /** Changes them for so long, and waits each time until the operator has answered. */
  async change(forMs: number): Promise<void> {
    const until = performance.now() + forMs;
    await Promise.all([
      ...this.#names.map((name, nth) => this.#changeOne(name, isRouted(nth), until)),
      ...VISITORS.map(name => this.#visit(name, until)),
    ]);
  }

  /** What is not as it was declared last; nothing: all went through. */
  async unsettled(): Promise<string[]> {
    const deadline = performance.now() + MISSED_MS;
    const open = () => this.#names.filter(name => !this.#isSettled(name));
    while (open().length > 0 && performance.now() < deadline) await sleep(50);
    return open().map(name => `${name}: ${JSON.stringify(this.#get(name)?.['status']).slice(0, 400)}`);
  }

  async #changeOne(name: string, routed: boolean, until: number): Promise<void> {
    const found = this.#get(name);
    let version = Number(imageOf(found)?.split('.').at(-1) ?? 0);
    let { replicas = 1 } = specOf(found);
    let generation = found?.metadata.generation ?? 1;
    for (; performance.now() < until; await sleep(1_000 + 1_500 * this.#random())) {
      const what = this.#random() < 0.5 ? 'template' : 'replicas';
      if (what === 'template') version += 1;
      else replicas = 3 - replicas;
      const image = `shop:1.0.${version}`;
      generation += 1;
      await this.#stage.apply([declared(name, image, replicas, routed)]);
      const answered = await this.#isAnswered(name, generation);
      this.changes.push({ name, generation, image: what === 'template' ? image : undefined, answered });
    }
  }

  async #visit(name: string, until: number): Promise<void> {
    const all = [...around(name), declared(name, 'shop:1.0.0', 1, true)];
    for (; performance.now() < until; await sleep(500 + 1_000 * this.#random())) {
      await this.#stage.apply(all);
      const isHealthy = await inTime(() => this.#isAt(name, 'shop:1.0.0', 1));
      const uid = this.#get(name)?.metadata.uid;
      // The Rollout first: without it nobody asks for the rest.
      for (const { root, plural, object } of all.toReversed()) {
        const path = `${root}/namespaces/${this.#stage.namespace}/${plural}/${object.metadata.name}`;
        await this.#client.delete(path, { propagationPolicy: 'Background' });
      }
      const isGone = await inTime(() => !this.#get(name) && !this.#isLeft(uid) && !this.#hasSlices(name));
      this.visits.push({ name, missed: isHealthy ? (isGone ? undefined : 'gone') : 'healthy' });
    }
  }

  /** Whether there is still something that a Rollout owns. */
  #isLeft(uid: string | undefined): boolean {
    const owned = (['replicasets', 'controllerrevisions'] as const).flatMap(plural => this.#stage.history.all(plural));
    return owned.some(object => ownerOf(object) === uid);
  }

  #hasSlices(name: string): boolean {
    const services: readonly (string | undefined)[] = servicesOf(name);
    const slices = this.#stage.history.all('endpointslices');
    return slices.some(({ metadata }) => services.includes(metadata.labels?.['kubernetes.io/service-name']));
  }

  /** Waits until the stored status is about a declaration. */
  #isAnswered(name: string, generation: number): Promise<boolean> {
    return inTime(() => {
      const { observedGeneration = 0 } = (this.#get(name)?.['status'] ?? {}) as { observedGeneration?: number };
      return observedGeneration >= generation;
    });
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

/** Whether something comes to be before it counts as missed. */
async function inTime(check: () => boolean): Promise<boolean> {
  for (const deadline = performance.now() + MISSED_MS; !check(); await sleep(10))
    if (performance.now() > deadline) return false;
  return true;
}

const isRouted = (nth: number) => nth % ROUTED === 0;

function declared(name: string, image: string, replicas: number, routed: boolean): Declared {
  const [stableService, canaryService] = servicesOf(name);
  const traffic = { stableService, canaryService, trafficRouting: { gatewayAPI: { httpRoute: name } } };
  const steps = [{ setWeight: 50 }, { pause: { duration: '100ms' } }];
  const { root, plural, object } = rollout(image, { canary: { steps, ...(routed && traffic) } }, replicas);
  const labels = { app: name };
  const spec = object['spec'] as { template: { spec: object } };
  const template = { metadata: { labels }, spec: spec.template.spec };
  return {
    root,
    plural,
    object: { ...object, metadata: { name }, spec: { ...spec, selector: { matchLabels: labels }, template } },
  };
}

/** Services and the route of a Rollout of that name. */
function around(name: string): Declared[] {
  const renamed = surroundings(servicesOf(name), true).filter(({ plural }) => plural !== 'analysistemplates');
  return renamed.map(({ root, plural, object }) => {
    if (plural === 'httproutes') return { root, plural, object: { ...object, metadata: { name } } };
    return { root, plural, object: { ...object, spec: { ...(object['spec'] as object), selector: { app: name } } } };
  });
}

function servicesOf(name: string): [string, string] {
  return [`${name}-stable`, `${name}-canary`];
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
