import { HASH_LABEL } from '../../../src/api/names.ts';
import type { KubeObject } from '../control-plane/api-client.ts';
import type { Change } from './cluster-history.ts';

/** The Rollout that a story is about. */
const SHOP = 'shop';

interface BackendRef {
  readonly name: string;
  readonly weight?: number;
}

interface RolloutSpec {
  readonly replicas?: number;
  readonly strategy?: { readonly blueGreen?: { readonly activeService?: string } };
}

/**
 * Who is to get users' requests, change by change: the backends of the route, or of blue-green the pods that the active
 * Service selects. Who has had no endpoint yet since the namespace began is not held against anybody, and after the
 * Rollout is deleted nothing is but weights that are not the whole.
 */
export class ShopFront {
  readonly #slices = new Map<string, { service: string; ready: number }>();
  readonly #pods = new Map<string, KubeObject>();
  readonly #selectors = new Map<string, Readonly<Record<string, string>>>();
  readonly #served = new Set<string>();
  #refs: readonly BackendRef[] = [];
  #rollout: RolloutSpec = {};
  #home: string | undefined;
  #switched: string | undefined;
  #over = false;
  #generation: number | undefined;
  #aborted = false;
  /** Runs that have failed, by uid, and whether one of them did since the spec was written. */
  readonly #failures = new Set<string>();
  #failed = false;

  /** Takes a change. @returns whether it may matter to users */
  note({ plural, name, uid, object }: Change): boolean {
    this.#switched = undefined;
    switch (plural) {
      case 'rollouts':
        if (name !== SHOP) return false;
        if (object) this.#noteRollout(object);
        this.#over = object === undefined;
        return false;
      case 'analysisruns':
        if (object && hasFailed(object) && !this.#failures.has(uid)) {
          this.#failures.add(uid);
          this.#failed = true;
        }
        return false;
      case 'httproutes':
        this.#refs = backendsOf(object);
        return true;
      case 'endpointslices':
        if (object) this.#slices.set(name, readyOf(object));
        else this.#slices.delete(name);
        return true;
      case 'services':
        this.#noteSelector(name, object);
        return name === this.#active;
      case 'pods':
        if (object && isReady(object)) this.#pods.set(name, object);
        else this.#pods.delete(name);
        return this.#active !== undefined;
      default:
        return false;
    }
  }

  /** Share of the requests that goes to the revision that is tried, percent. */
  get weight(): number {
    if (this.#active === undefined) return this.#refs[1]?.weight ?? 0;
    const hash = this.#selectors.get(this.#active)?.[HASH_LABEL];
    return hash === undefined || hash === this.#home ? 0 : 100;
  }

  /** Whether the Rollout is deleted. */
  get isOver(): boolean {
    return this.#over;
  }

  /** Whether it is stored that what is tried has failed: by the run that found it, or by the abort. */
  get isCondemned(): boolean {
    return this.#aborted || this.#failed;
  }

  /** Whose requests nobody can answer now, one line each. */
  voids(): string[] {
    if (this.#over) return this.#lostShares();
    const active = this.#active;
    return active === undefined ? this.#emptyBackends() : this.#emptyActive(active);
  }

  #lostShares(): string[] {
    const whole = this.#refs.reduce((sum, { weight = 1 }) => sum + weight, 0);
    return this.#refs.length > 1 && whole !== 100 ? [`the weights of the route are ${whole} in all`] : [];
  }

  get #active(): string | undefined {
    return this.#rollout.strategy?.blueGreen?.activeService;
  }

  #noteRollout({ metadata, spec, status }: KubeObject): void {
    this.#rollout = (spec ?? {}) as RolloutSpec;
    // What is written anew is tried anew.
    if (metadata.generation !== this.#generation) this.#failed = false;
    this.#generation = metadata.generation;
    this.#aborted = (status as { abort?: object } | undefined)?.abort !== undefined;
  }

  #noteSelector(name: string, service: KubeObject | undefined): void {
    const { selector = {} } = (service?.['spec'] ?? {}) as { selector?: Readonly<Record<string, string>> };
    const before = this.#selectors.get(name)?.[HASH_LABEL];
    this.#selectors.set(name, selector);
    if (name !== this.#active) return;
    this.#home ??= selector[HASH_LABEL];
    if (before !== undefined && before !== selector[HASH_LABEL]) this.#switched = selector[HASH_LABEL] ?? 'nothing';
  }

  #emptyBackends(): string[] {
    const empty = this.#refs.filter(({ name, weight = 1 }) => {
      const endpoints = this.#endpoints(name);
      if (endpoints > 0) this.#served.add(name);
      return weight > 0 && endpoints === 0 && (this.#served.has(name) || name !== this.#refs[0]?.name);
    });
    return empty.map(({ name, weight = 1 }) => `${name} had weight ${weight} and no ready endpoint`);
  }

  /** Slices follow a selector some time later, so the pods that it selects count by themselves too. */
  #emptyActive(active: string): string[] {
    const selector = Object.entries(this.#selectors.get(active) ?? {});
    const chosen = [...this.#pods.values()].filter(({ metadata: { labels = {} } }) =>
      selector.every(([key, value]) => labels[key] === value),
    );
    const endpoints = this.#endpoints(active);
    if (endpoints > 0 && chosen.length > 0) this.#served.add(active);
    if (!this.#served.has(active)) return [];
    const { replicas = 1 } = this.#rollout;
    const isHasty = this.#switched !== undefined && chosen.length < replicas;
    return [
      ...(chosen.length === 0 ? [`${active} selected no ready pod`] : []),
      ...(endpoints === 0 ? [`${active} had no ready endpoint`] : []),
      ...(isHasty ? [`${active} was switched to ${this.#switched}, of which ${chosen.length} pods were ready`] : []),
    ];
  }

  #endpoints(service: string): number {
    return [...this.#slices.values()].reduce((sum, slice) => sum + (slice.service === service ? slice.ready : 0), 0);
  }
}

function backendsOf(route: KubeObject | undefined): readonly BackendRef[] {
  const spec = route?.['spec'] as { rules?: { backendRefs?: BackendRef[] }[] } | undefined;
  return spec?.rules?.[0]?.backendRefs ?? [];
}

function readyOf(slice: KubeObject): { service: string; ready: number } {
  const endpoints = (slice['endpoints'] ?? []) as { conditions?: { ready?: boolean } }[] | null;
  return {
    service: slice.metadata.labels?.['kubernetes.io/service-name'] ?? '',
    ready: (endpoints ?? []).filter(({ conditions }) => conditions?.ready !== false).length,
  };
}

function hasFailed({ status }: KubeObject): boolean {
  return (status as { phase?: string } | undefined)?.phase === 'Failed';
}

function isReady({ metadata, status }: KubeObject): boolean {
  const { conditions = [] } = (status ?? {}) as { conditions?: { type: string; status: string }[] };
  const isLeaving = (metadata as { deletionTimestamp?: string }).deletionTimestamp !== undefined;
  return !isLeaving && conditions.some(({ type, status: is }) => type === 'Ready' && is === 'True');
}
