import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeObject } from '../control-plane/api-client.ts';
import { type ObjectWatch, watchObjects } from '../control-plane/watch-objects.ts';
import type { ReceivedAlert } from './alert-receiver.ts';
import { type GatewayClient, type GatewayClientOptions, startGatewayClient } from './gateway-client.ts';
import type { Rig } from './rig.ts';
import { CANARY_SERVICE, rolloutOf, SHOP, type ShopRollout, STABLE_SERVICE, surroundingsOf } from './shop-manifests.ts';
import { routingOf } from './traefik-routing.ts';
import { followTraffic, type TrafficTimeline } from './traffic-timeline.ts';

/** The status of a Rollout, as far as tests read it without kubectl. */
export interface SeenStatus {
  readonly phase?: string;
  readonly message?: string;
  readonly stable?: { readonly revision: number; readonly images?: readonly string[] };
  readonly canary?: { readonly revision: number; readonly images?: readonly string[] };
  readonly desired?: { readonly revision: number };
  readonly step?: { readonly index: number; readonly total: number };
  readonly weights?: { readonly canary: number; readonly actualCanary: number };
  readonly pause?: { readonly reason: string };
  readonly abort?: { readonly cause: string; readonly reason: string; readonly at: string };
  readonly conditions?: readonly { readonly type: string; readonly status: string; readonly reason?: string }[];
  readonly display?: { readonly reason?: string; readonly gate?: string };
  readonly lastCommand?: { readonly id: string; readonly outcome: string };
  readonly [field: string]: unknown;
}

/** One state of the Rollout that a watch showed. */
export interface Sighting {
  readonly atMs: number;
  readonly generation: number;
  readonly status: SeenStatus;
}

/** A team: a namespace with a shop, looked at from outside. */
export interface Team {
  readonly name: string;
  /** Host of its route on the gateway. */
  readonly host: string;
  /** kubectl in the team's namespace; resolves with its output, trimmed. */
  kubectl(...args: string[]): Promise<string>;
  /** `kubectl apply` of objects. */
  apply(...objects: readonly unknown[]): Promise<void>;
  /** Applies the Rollout. What is not given stays as it was in the last release. */
  release(shop: ShopRollout): Promise<void>;
  /** A jsonpath of the Rollout (`.status.phase`) by kubectl. */
  column(path: string): Promise<string>;
  /** Weight of the canary on the route by kubectl. */
  weight(): Promise<number>;
  /** Sends a command as a person would; resolves with its id. */
  command(verb: string): Promise<string>;
  /** Reasons of the events about the Rollout, oldest first. */
  events(): Promise<string[]>;
  /** Alerts that reached the receiver for this namespace. */
  alerts(alertname?: string): ReceivedAlert[];
  /** Every state of the Rollout that a watch showed so far. */
  sightings(): readonly Sighting[];
  readonly timeline: TrafficTimeline;
  /** Polls, 4 times a second; 60 s when absent. */
  until(what: string, check: () => boolean | Promise<boolean>, timeoutMs?: number): Promise<void>;
  /** Waits for a status, by a watch; resolves with it. A status of an older generation of the spec does not count. */
  untilStatus(what: string, check: (status: SeenStatus) => boolean, timeoutMs?: number): Promise<SeenStatus>;
  /** First release, all pods ready, and a client that asks through the gateway from then on. */
  begin(shop: ShopRollout, client?: Partial<GatewayClientOptions>): Promise<GatewayClient>;
  /** Ends watches; the namespace is left to the end of the rig. */
  stop(): Promise<void>;
}

const WAIT_MS = 60_000;
const COLLECTION = '/apis/sluice.dev/v1alpha1/namespaces';

/** Makes the namespace and all that belongs there but the Rollout. */
export async function makeTeam(rig: Rig, name: string): Promise<Team> {
  const { plane } = rig;
  await plane.client.create('/api/v1/namespaces', { metadata: { name } });
  const kubectl = async (...args: string[]) => (await plane.kubectl(['-n', name, ...args])).trim();
  const apply = async (...objects: readonly unknown[]) => {
    const list = { apiVersion: 'v1', kind: 'List', items: objects };
    await plane.kubectl(['-n', name, 'apply', '-f', '-'], JSON.stringify(list));
  };
  await apply(...surroundingsOf(name, rig.alertmanager.url));
  const routing = () =>
    routingOf(rig.traefik.ownUrl, { namespace: name, name: SHOP }, [STABLE_SERVICE, CANARY_SERVICE]);
  const timeline = await followTraffic(plane.client, name, routing);
  const record = await recordSightings(rig, name);
  const waiting = waitingFor(plane.client, name, record.sightings);
  let last: ShopRollout = { tag: '' };
  let commands = 0;
  const team: Team = {
    ...{ name, host: `${name}.example`, kubectl, apply, timeline, ...waiting },
    sightings: () => record.sightings,
    release: async shop => {
      last = { ...last, ...shop };
      await apply(rolloutOf(name, last));
    },
    column: path => kubectl('get', 'rollout', SHOP, '-o', `jsonpath={${path}}`),
    weight: async () => {
      const path = `{.spec.rules[0].backendRefs[?(@.name=="${CANARY_SERVICE}")].weight}`;
      return Number(await kubectl('get', 'httproute', SHOP, '-o', `jsonpath=${path}`));
    },
    command: async verb => {
      const id = `${verb}-${++commands}`;
      await kubectl('annotate', 'rollout', SHOP, '--overwrite', `sluice.dev/command=${verb} ${id}`);
      return id;
    },
    events: async () => {
      const about = `involvedObject.name=${SHOP},involvedObject.kind=Rollout`;
      const path = '{range .items[*]}{.reason} {end}';
      const sorted = ['--sort-by=.metadata.creationTimestamp', '-o', `jsonpath=${path}`];
      return (await kubectl('get', 'events', '--field-selector', about, ...sorted)).split(' ').filter(Boolean);
    },
    alerts: alertname => rig.receiver.alerts({ namespace: name, ...(alertname && { alertname }) }),
    begin: async (shop, client) => {
      await team.release(shop);
      await kubectl('wait', '--for=condition=Ready', `rollout/${SHOP}`, '--timeout=60s');
      const writes = () => writesToTraffic(rig, name);
      return await startGatewayClient({ url: rig.traefik.url, host: team.host, ...client }, timeline, writes);
    },
    stop: async () => {
      await Promise.all([timeline.stop(), record.watch.stop()]);
    },
  };
  return team;
}

/** When somebody changed the team's route or Services; the API server knows better than a watch on a busy machine. */
function writesToTraffic({ plane }: Rig, namespace: string): number[] {
  const writes = plane.auditEntries({ namespace, writes: true });
  return writes
    .filter(({ resource, status }) => ['httproutes', 'services'].includes(resource) && status < 300)
    .map(({ atMs }) => atMs);
}

function describeSighting({ atMs, generation, status }: Sighting): string {
  const { phase, canary, step, weights, pause, message } = status;
  const trial = `canary ${canary?.revision} step ${step?.index} weight ${weights?.actualCanary} pause ${pause?.reason}`;
  return `${new Date(atMs).toISOString().slice(11, 23)} generation ${generation} ${phase} ${trial}: ${message}`;
}

async function recordSightings(
  { plane }: Rig,
  namespace: string,
): Promise<{ sightings: Sighting[]; watch: ObjectWatch }> {
  const sightings: Sighting[] = [];
  const watch = await watchObjects(plane.client, `${COLLECTION}/${namespace}/rollouts`, {
    onObject: object => {
      const { metadata } = object;
      const status = (object['status'] ?? {}) as SeenStatus;
      sightings.push({ atMs: Date.now(), generation: metadata.generation ?? 0, status });
    },
    onGone: () => {},
  });
  return { sightings, watch };
}

function waitingFor(
  client: { get(path: string): Promise<KubeObject> },
  namespace: string,
  sightings: readonly Sighting[],
): Pick<Team, 'until' | 'untilStatus'> {
  const until: Team['until'] = async (what, check, timeoutMs = WAIT_MS) => {
    const deadline = Date.now() + timeoutMs;
    while (!(await check())) {
      if (Date.now() > deadline) {
        const now = JSON.stringify(sightings.at(-1)?.status, undefined, 1);
        const seen = sightings.slice(-15).map(describeSighting).join('\n');
        throw new Error(`${namespace}: did not happen within ${timeoutMs} ms: ${what}\n${seen}\n${now}`);
      }
      await sleep(250);
    }
  };
  const untilStatus: Team['untilStatus'] = async (what, check, timeoutMs = WAIT_MS) => {
    // What was written before this call counts, so the present generation is asked for, not taken from a watch that may lag.
    const { generation = 0 } = (await client.get(`${COLLECTION}/${namespace}/rollouts/${SHOP}`)).metadata;
    let found: SeenStatus | undefined;
    const matches = ({ status }: Sighting) => Number(status['observedGeneration'] ?? 0) >= generation && check(status);
    await until(
      what,
      () => {
        found = sightings.findLast(matches)?.status;
        return found !== undefined;
      },
      timeoutMs,
    );
    return found as SeenStatus;
  };
  return { until, untilStatus };
}
