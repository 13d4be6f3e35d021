import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiClient, KubeObject } from '../control-plane/api-client.ts';
import type { Followed, NamespaceHistory } from './cluster-history.ts';
import type { Declared } from './shop-objects.ts';

/** Status of a Rollout as far as stories look at it. */
export interface ShopStatus {
  readonly phase?: string;
  readonly observedGeneration?: number;
  readonly stable?: { readonly images?: readonly string[] };
  readonly step?: { readonly index?: number };
  readonly pause?: { readonly reason?: string };
}

/** Did not happen in time. */
export class TooLate extends Error {}

/** The namespace of one plan, as the team that owns it sees and changes it. */
export class Stage {
  readonly namespace: string;
  readonly history: NamespaceHistory;
  readonly #client: ApiClient;
  readonly #deadline: number;

  /** @param longestMs of the whole story */
  constructor(namespace: string, history: NamespaceHistory, client: ApiClient, longestMs: number) {
    this.namespace = namespace;
    this.history = history;
    this.#client = client;
    this.#deadline = performance.now() + longestMs;
  }

  async apply(declared: readonly Declared[]): Promise<void> {
    for (const { root, plural, object } of declared) {
      const path = `${root}/namespaces/${this.namespace}/${plural}/${object.metadata.name}`;
      await this.#client.patch(`${path}?fieldManager=team&force=true`, 'apply', object);
    }
  }

  /** Changes the Rollout by a merge patch. */
  async change(patch: unknown): Promise<void> {
    await this.#client.patch(`${this.#rollouts}/shop`, 'merge', patch);
  }

  async command(text: string): Promise<void> {
    await this.change({ metadata: { annotations: { 'sluice.dev/command': text } } });
  }

  async deleteRollout(): Promise<void> {
    await this.#client.delete(`${this.#rollouts}/shop`, { propagationPolicy: 'Background' });
  }

  get rollout(): KubeObject | undefined {
    return this.history.get('rollouts', 'shop');
  }

  get status(): ShopStatus {
    return (this.rollout?.['status'] ?? {}) as ShopStatus;
  }

  /** Whether the operator has answered the latest declaration with this phase. */
  is(phase: string): boolean {
    const { status, rollout } = this;
    return status.phase === phase && status.observedGeneration === rollout?.metadata.generation;
  }

  /** Ready pods of an image. */
  readyPods(image: string): number {
    const sets = this.history.all('replicasets').filter(set => imageOf(set) === image);
    return sets.reduce((sum, { status }) => sum + ((status as { readyReplicas?: number })?.readyReplicas ?? 0), 0);
  }

  /** Objects there are; of pods, leaving ones included. */
  count(plural: Followed): number {
    return this.history.all(plural).length;
  }

  /** @throws TooLate when the story's time is over */
  async until(what: string, check: () => boolean): Promise<void> {
    while (!check()) {
      if (performance.now() > this.#deadline)
        throw new TooLate(`did not happen: ${what}; the Rollout's status: ${JSON.stringify(this.status)}`);
      await sleep(15);
    }
  }

  get #rollouts(): string {
    return `/apis/sluice.dev/v1alpha1/namespaces/${this.namespace}/rollouts`;
  }
}

function imageOf(set: KubeObject): string | undefined {
  const spec = set['spec'] as { template?: { spec?: { containers?: { image?: string }[] } } } | undefined;
  return spec?.template?.spec?.containers?.[0]?.image;
}
