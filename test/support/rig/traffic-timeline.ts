import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { ApiClient, KubeObject } from '../control-plane/api-client.ts';
import { type ObjectWatch, watchObjects } from '../control-plane/watch-objects.ts';
import { behaviourOfImage } from '../fake-kubelet-behaviour.ts';
import { CANARY_SERVICE, STABLE_SERVICE } from './shop-manifests.ts';
import type { GatewayRouting } from './traefik-routing.ts';

/** What the gateway was told from a moment on. */
export interface TrafficMark {
  readonly atMs: number;
  /** When the gateway was seen to do so; a busy one needs a second. Absent where the next change came before. */
  readonly settledMs: number | undefined;
  /** Weight of the canary's backend, percent. */
  readonly canaryWeight: number;
  /** Share of each version, 0 to 1; absent where the objects do not determine it. */
  readonly expected: Readonly<Record<string, number>> | undefined;
}

interface Change extends TrafficMark {
  settledMs: number | undefined;
  readonly view: View;
}

const LOOK_MS = 50;

/** How long a busy gateway may still do what it was told before; what it does now and did before proves nothing until then. */
const LAGS_MS = 3_000;

/** All that decides which version answers a team's requests, as watches showed it. */
export interface TrafficTimeline {
  /** Oldest first; the last one is still in force. */
  marks(): readonly TrafficMark[];
  stop(): Promise<void>;
}

const HASH = 'sluice.dev/pod-template-hash';

/**
 * Watches the route, Services, EndpointSlices and ReplicaSets of a team; a change of ready pods is a mark too. `routing` is
 * asked while the gateway has not taken in the last change.
 */
export async function followTraffic(
  client: ApiClient,
  namespace: string,
  routing: () => Promise<GatewayRouting | undefined>,
): Promise<TrafficTimeline> {
  const seen = new Map<string, KubeObject>();
  const marks: Change[] = [];
  const look = () => {
    const now = viewOf([...seen.values()]);
    if (now === undefined || isDeepStrictEqual(now, marks.at(-1)?.view)) return;
    const told = { canaryWeight: now.weights.canary, expected: expectedOf(now) };
    marks.push({ atMs: Date.now(), settledMs: undefined, ...told, view: now });
  };
  const settling = repeat(async () => {
    const mark = marks.at(-1);
    if (mark === undefined || mark.settledMs !== undefined || !isEvidence(marks, Date.now())) return;
    if (isInForce(mark.view, await routing()) && mark === marks.at(-1)) mark.settledMs = Date.now();
  });
  const follow = (root: string, plural: string, kind: string) => {
    const key = ({ metadata }: KubeObject) => `${kind} ${metadata.name}`;
    return watchObjects(client, `${root}/namespaces/${namespace}/${plural}`, {
      onObject: object => {
        seen.set(key(object), { ...object, kind });
        look();
      },
      onGone: object => {
        seen.delete(key(object));
        look();
      },
    });
  };
  const watches: ObjectWatch[] = await Promise.all([
    follow('/apis/gateway.networking.k8s.io/v1', 'httproutes', 'HTTPRoute'),
    follow('/api/v1', 'services', 'Service'),
    follow('/apis/discovery.k8s.io/v1', 'endpointslices', 'EndpointSlice'),
    follow('/apis/apps/v1', 'replicasets', 'ReplicaSet'),
  ]);
  return {
    marks: () => marks,
    stop: async () => {
      await Promise.all([settling.stop(), ...watches.map(watch => watch.stop())]);
    },
  };
}

/**
 * Whether a gateway that does what the last change says does so because of it. What it was told twice within a short time may
 * still be the first of them, with one between that gives other shares yet to come.
 */
export function isEvidence(changes: readonly Pick<Change, 'atMs' | 'view' | 'expected'>[], nowMs: number): boolean {
  const last = changes.at(-1);
  if (last === undefined) return false;
  if (nowMs >= last.atMs + LAGS_MS) return true;
  const recent = changes.filter((_, index) => (changes[index + 1]?.atMs ?? nowMs) > last.atMs - LAGS_MS);
  const first = recent.findIndex(({ view }) => isDeepStrictEqual(view, last.view));
  return recent.slice(first).every(({ expected }) => isDeepStrictEqual(expected, last.expected));
}

/** Does something over and over, with a rest in between; a failure is a try that came to nothing. */
function repeat(work: () => Promise<void>): { stop(): Promise<void> } {
  let going = true;
  const loop = (async () => {
    while (going) {
      await work().catch(() => undefined);
      await sleep(LOOK_MS);
    }
  })();
  return {
    stop: async () => {
      going = false;
      await loop;
    },
  };
}

interface Backend {
  readonly hash: string | undefined;
  readonly version: string | undefined;
  readonly ready: readonly string[];
}

interface View {
  readonly weights: { readonly stable: number; readonly canary: number };
  readonly stable: Backend;
  readonly canary: Backend;
}

function viewOf(objects: readonly KubeObject[]): View | undefined {
  const route = objects.find(object => object.kind === 'HTTPRoute');
  if (route === undefined) return undefined;
  const { rules = [] } = route['spec'] as { rules?: { backendRefs: { name: string; weight?: number }[] }[] };
  const refOf = (service: string) => rules[0]?.backendRefs.find(ref => ref.name === service);
  const weightOf = (service: string) => (refOf(service) === undefined ? 0 : (refOf(service)?.weight ?? 1));
  // The gateway knows no servers of what the route does not name.
  const sideOf = (service: string) => ({
    ...backendOf(objects, service),
    ...(refOf(service) === undefined && { ready: [] }),
  });
  return {
    weights: { stable: weightOf(STABLE_SERVICE), canary: weightOf(CANARY_SERVICE) },
    stable: sideOf(STABLE_SERVICE),
    canary: sideOf(CANARY_SERVICE),
  };
}

/** Whether the gateway does what the objects say. */
function isInForce({ weights, stable, canary }: View, routing: GatewayRouting | undefined): boolean {
  const wanted: GatewayRouting = {
    weights: { [STABLE_SERVICE]: weights.stable, [CANARY_SERVICE]: weights.canary },
    servers: { [STABLE_SERVICE]: stable.ready, [CANARY_SERVICE]: canary.ready },
  };
  return isDeepStrictEqual(wanted, routing);
}

function backendOf(objects: readonly KubeObject[], name: string): Backend {
  const service = objects.find(object => object.kind === 'Service' && object.metadata.name === name);
  const hash = (service?.['spec'] as { selector?: Record<string, string> } | undefined)?.selector?.[HASH];
  const set = objects.find(object => object.kind === 'ReplicaSet' && object.metadata.labels?.[HASH] === hash);
  const template = set?.['spec'] as { template: { spec: { containers: { image: string }[] } } } | undefined;
  const image = template?.template.spec.containers[0]?.image;
  const slices = objects.filter(
    object => object.kind === 'EndpointSlice' && object.metadata.labels?.['kubernetes.io/service-name'] === name,
  );
  const ready = slices.flatMap(slice => readyAddresses(slice)).toSorted();
  return { hash, version: image === undefined ? undefined : behaviourOfImage(image).version, ready };
}

/** `address:port` of the ready pods in a slice. */
function readyAddresses(slice: KubeObject): string[] {
  const endpoints = (slice['endpoints'] ?? []) as { conditions: { ready?: boolean }; addresses: string[] }[];
  const [port] = (slice['ports'] ?? []) as { port: number }[];
  return endpoints
    .filter(one => one.conditions.ready === true)
    .flatMap(({ addresses }) => addresses.slice(0, 1))
    .map(address => `${address}:${port?.port}`);
}

function expectedOf({ weights, stable, canary }: View): Record<string, number> | undefined {
  const sum = weights.stable + weights.canary;
  const expected: Record<string, number> = {};
  for (const [weight, backend] of [
    [weights.stable, stable],
    [weights.canary, canary],
  ] as const) {
    if (weight === 0) continue;
    // Without a revision in its selector a Service has all pods; without ready pods nobody answers for it.
    if (backend.hash === undefined || backend.version === undefined || backend.ready.length === 0) return undefined;
    expected[backend.version] = (expected[backend.version] ?? 0) + weight / sum;
  }
  return expected;
}
