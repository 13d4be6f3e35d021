import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiClient, KubeObject } from '../../support/control-plane/api-client.ts';
import { type ObjectWatch, watchObjects } from '../../support/control-plane/watch-objects.ts';

/** What the bench has to know of one Rollout, or of one Deployment of the control run. */
export interface MemberState {
  readonly phase: string;
  readonly stableImage: string | undefined;
  readonly canaryWeight: number;
  /** Pods of all its revisions together. */
  readonly pods: number;
}

interface Wait {
  readonly missing: Set<string>;
  readonly holds: (state: MemberState) => boolean;
  readonly reachedAt: Map<string, number>;
}

/**
 * The fleet as a watch shows it. Waiting costs nothing but the events themselves: no list is read again and again, which
 * at 5000 Rollouts would keep the API server busier than the operator does.
 */
export class FleetWatch {
  readonly #states = new Map<string, MemberState>();
  readonly #waits = new Set<Wait>();
  readonly #mayGoOn: () => void;
  #watch: ObjectWatch | undefined;
  #inFlight = 0;

  /** @param mayGoOn throws when waiting is in vain */
  constructor(mayGoOn: () => void = () => {}) {
    this.#mayGoOn = mayGoOn;
  }

  async start(client: ApiClient, path: string): Promise<void> {
    this.#watch = await watchObjects(client, path, {
      onObject: object => this.see(keyOf(object), stateOf(object)),
      onGone: object => void this.#states.delete(keyOf(object)),
    });
  }

  /** Rollouts that are neither at rest nor aborted. */
  get inFlight(): number {
    return this.#inFlight;
  }

  state(key: string): MemberState | undefined {
    return this.#states.get(key);
  }

  /** Takes in what a member is like now. */
  see(key: string, state: MemberState): void {
    this.#inFlight += Number(moves(state)) - Number(moves(this.#states.get(key)));
    this.#states.set(key, state);
    for (const wait of this.#waits) {
      if (!wait.missing.has(key) || !wait.holds(state)) continue;
      wait.missing.delete(key);
      wait.reachedAt.set(key, Date.now());
    }
  }

  /**
   * Waits until each member was seen as it shall be, once. @returns when each was, epoch milliseconds.
   * @throws Error that names a few of those that were not, when the time is over or waiting is in vain
   */
  async until(
    what: string,
    keys: readonly string[],
    holds: (state: MemberState) => boolean,
    timeoutMs: number,
  ): Promise<ReadonlyMap<string, number>> {
    const wait: Wait = { missing: new Set(keys), holds, reachedAt: new Map() };
    this.#waits.add(wait);
    for (const key of keys) {
      const state = this.#states.get(key);
      if (state !== undefined) this.see(key, state);
    }
    const deadline = Date.now() + timeoutMs;
    try {
      for (; wait.missing.size > 0 && Date.now() < deadline; await sleep(20)) this.#mayGoOn();
    } finally {
      this.#waits.delete(wait);
    }
    if (wait.missing.size === 0) return wait.reachedAt;
    const some = [...wait.missing].slice(0, 3).map(key => `${key} is ${JSON.stringify(this.#states.get(key))}`);
    const seconds = Math.round(timeoutMs / 1000);
    throw new Error(`${what}: ${wait.missing.size} of ${keys.length} not after ${seconds} s; ${some.join('; ')}`);
  }

  async stop(): Promise<void> {
    await this.#watch?.stop();
  }
}

const keyOf = ({ metadata }: KubeObject) => `${metadata.namespace}/${metadata.name}`;

const moves = (state: MemberState | undefined) => state?.phase === 'Progressing' || state?.phase === 'Paused';

function stateOf(object: KubeObject): MemberState {
  const status = (object.status ?? {}) as {
    phase?: string;
    stable?: { images?: readonly string[] };
    weights?: { canary?: number };
    availableReplicas?: number;
    updatedReplicas?: number;
    replicas?: number;
    observedGeneration?: number;
  };
  const { replicas = 0 } = (object.spec ?? {}) as { replicas?: number };
  const { availableReplicas, updatedReplicas } = status;
  const counts = [availableReplicas, updatedReplicas, status.replicas];
  // As `kubectl rollout status` has it.
  const available = status.observedGeneration === object.metadata.generation && counts.every(n => n === replicas);
  return {
    phase: status.phase ?? (available ? 'Available' : 'New'),
    stableImage: status.stable?.images?.[0],
    canaryWeight: status.weights?.canary ?? 0,
    pods: status.replicas ?? 0,
  };
}
