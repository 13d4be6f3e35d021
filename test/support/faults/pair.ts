import type { KubeObject } from '../control-plane/api-client.ts';
import { type ObjectWatch, watchObjects } from '../control-plane/watch-objects.ts';
import { isWrite, type ProxiedRequest } from '../fault-proxy/proxied-request.ts';
import type { TraceEntry } from '../fault-proxy/trace.ts';
import type { MatrixRig } from '../matrix/matrix-rig.ts';
import { Scene, type SceneOptions } from './scene.ts';

/** A state of the lease; nobody holds one that is gone. */
export interface LeaseState {
  readonly version: bigint;
  /** When the test heard of it, milliseconds of `performance.now()`. */
  readonly at: number;
  readonly holder: string | undefined;
}

/** A busy operator reads its answers in turn. */
const UNDERSTOOD_MS = 1_000;
const LEASES = '/apis/coordination.k8s.io/v1/namespaces';

/** A write that is forbidden to everybody but the leader. */
export function isLeadersWrite(request: ProxiedRequest): boolean {
  return isWrite(request) && request.plural !== 'leases';
}

/** Two operators of one namespace with leader election, each behind a proxy of its own. */
export class Pair {
  readonly namespace: string;
  readonly scenes: readonly [Scene, Scene];
  readonly leases: LeaseState[] = [];
  readonly #rig: MatrixRig;
  #watch: ObjectWatch | undefined;

  private constructor(rig: MatrixRig, namespace: string, scenes: readonly [Scene, Scene]) {
    this.#rig = rig;
    this.namespace = namespace;
    this.scenes = scenes;
  }

  /** Starts the first, waits until it leads, and starts the second. @param programs of each, when not the rig's */
  static async open(rig: MatrixRig, namespace: string, programs: readonly [string?, string?] = []): Promise<Pair> {
    const flags = ['--namespace', namespace, '--watch-namespace', namespace];
    const open = (program: string | undefined, starts: boolean) => {
      const options: SceneOptions = { flags, starts, longestMs: 90_000, ...(program !== undefined && { program }) };
      return Scene.open(rig, namespace, options);
    };
    const first = await open(programs[0], true);
    const second = await open(programs[1], false);
    const pair = new Pair(rig, namespace, [first, second]);
    pair.#watch = await watchObjects(rig.plane.client, `${LEASES}/${namespace}/leases`, {
      onObject: lease => pair.#note(lease, holderOf(lease)),
      onGone: lease => pair.#note(lease, undefined),
    });
    await first.until('the first operator leads', () => pair.leader === first);
    await second.start();
    await second.until('the second operator has looked at the lease', () =>
      second.proxy.trace.entries.some(({ request }) => request.plural === 'leases'),
    );
    return pair;
  }

  /** Who holds the lease; undefined: nobody, or neither of the two. */
  get leader(): Scene | undefined {
    const holder = this.leases.at(-1)?.holder;
    return holder === undefined ? undefined : this.scenes.find(scene => identities(scene).has(holder));
  }

  /** The other one. */
  other(than: Scene): Scene {
    return this.scenes[0] === than ? this.scenes[1] : this.scenes[0];
  }

  /** Deletes the lease by hand. */
  async deleteLease(): Promise<void> {
    await this.#rig.plane.client.delete(`${LEASES}/${this.namespace}/leases/sluice-operator`);
  }

  /** Takes the lease by hand, as a third operator of this time would. */
  async stealLease(holder: string): Promise<void> {
    const spec = { holderIdentity: holder, renewTime: new Date().toISOString().replace('Z', '000Z') };
    await this.#rig.plane.client.patch(`${LEASES}/${this.namespace}/leases/sluice-operator`, 'merge', { spec });
  }

  /**
   * What an operator wrote while the lease was not its own, in the order of the API server. When a hand took the lease, an
   * operator hears of it at its next look: what it wrote before that is not held against it.
   */
  trespasses(byHandAt = Number.POSITIVE_INFINITY): string[] {
    const states = this.leases.toSorted((a, b) => (a.version < b.version ? -1 : 1));
    return this.scenes.flatMap(scene =>
      writesSince(scene, 0).flatMap(({ request, resourceVersion, changed }) => {
        if (resourceVersion === undefined || changed !== true) return [];
        if (request.at >= byHandAt - 1_000 && request.at <= this.heardOfLossAt(scene, byHandAt)) return [];
        const lease = states.findLast(state => state.version < BigInt(resourceVersion));
        if (lease?.holder !== undefined && identities(scene).has(lease.holder)) return [];
        return [`${request.method} ${request.path} while ${lease?.holder ?? 'nobody'} held the lease`];
      }),
    );
  }

  /** When an operator had seen, and had had the time to understand, that a hand had taken its lease; infinite until then. */
  heardOfLossAt(scene: Scene, byHandAt: number): number {
    const own = identities(scene);
    const isForeign = (version: string | undefined) =>
      this.leases.some(state => String(state.version) === version && !own.has(state.holder ?? ''));
    const look = scene.proxy.trace.entries.find(
      ({ request, status, resourceVersion }) =>
        request.plural === 'leases' &&
        request.verb === 'get' &&
        request.at >= byHandAt - 1_000 &&
        (status === 404 || isForeign(resourceVersion)),
    );
    return (look?.answeredAt ?? Number.POSITIVE_INFINITY) + UNDERSTOOD_MS;
  }

  async close(): Promise<void> {
    await this.#watch?.stop();
    for (const scene of this.scenes) await scene.close();
  }

  #note(lease: KubeObject, holder: string | undefined): void {
    this.leases.push({ version: BigInt(lease.metadata.resourceVersion ?? 0), at: performance.now(), holder });
  }
}

/** Writes of an operator, other than of the lease, from a moment on; also those that were refused. */
export function writesSince(scene: Scene, at: number): TraceEntry[] {
  return scene.proxy.trace.entries.filter(({ request }) => request.at >= at && isLeadersWrite(request));
}

/** By what names an operator has tried to hold a lease. */
function identities(scene: Scene): ReadonlySet<string> {
  const writes = scene.proxy.trace.entries.filter(({ request }) => request.plural === 'leases' && isWrite(request));
  return new Set(writes.flatMap(({ request }) => holderOf(request.body as KubeObject) ?? []));
}

function holderOf(lease: KubeObject | undefined): string | undefined {
  const { holderIdentity } = (lease?.['spec'] ?? {}) as { holderIdentity?: string };
  return holderIdentity === '' ? undefined : holderIdentity;
}
