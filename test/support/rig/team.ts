import type { ReceivedAlert } from './alert-receiver.ts';
import { type GatewayClient, type GatewayClientOptions, startGatewayClient } from './gateway-client.ts';
import type { Rig } from './rig.ts';
import { CANARY_SERVICE, rolloutOf, SHOP, type ShopRollout, STABLE_SERVICE, surroundingsOf } from './shop-manifests.ts';
import { type Sighting, startSightings } from './sightings.ts';
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
  readonly notices?: readonly { readonly event: string; readonly pending: readonly string[] }[];
  readonly lastCommand?: { readonly id: string; readonly outcome: string };
  readonly [field: string]: unknown;
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
  /** Reasons of the events about the Rollout, oldest first, each as often as it was told. */
  events(): Promise<string[]>;
  /** Alerts that reached the receiver for this namespace. */
  alerts(alertname?: string): ReceivedAlert[];
  /** Every state of the Rollout that a watch showed so far. */
  sightings(): readonly Sighting[];
  readonly timeline: TrafficTimeline;
  /** Polls, 4 times a second; 60 s when absent. */
  until(what: string, check: () => boolean | Promise<boolean>, timeoutMs?: number): Promise<void>;
  /**
   * Waits for a status, by a watch; resolves with it. Only what came after the last thing that this team did counts (kubectl but
   * get, release, command), and after the status that was waited for last; and no answer to an older spec or command.
   */
  untilStatus(what: string, check: (status: SeenStatus) => boolean, timeoutMs?: number): Promise<SeenStatus>;
  /** The same, but the status that was shown last has to be as wanted: it may not have passed. */
  untilNow(what: string, check: (status: SeenStatus) => boolean, timeoutMs?: number): Promise<SeenStatus>;
  /** First release, all pods ready, and a client that asks through the gateway from then on. */
  begin(shop: ShopRollout, client?: Partial<GatewayClientOptions>): Promise<GatewayClient>;
  /** Ends watches; the namespace is left to the end of the rig. */
  stop(): Promise<void>;
}

/** kubectl's verbs that change nothing. */
const READS = ['get', 'wait'];

/** Makes the namespace and all that belongs there but the Rollout. */
export async function makeTeam(rig: Rig, name: string): Promise<Team> {
  const { plane } = rig;
  await plane.client.create('/api/v1/namespaces', { metadata: { name } });
  const seen = await startSightings(plane.client, name);
  const run = async (args: readonly string[], stdin?: string) => {
    if (!READS.includes(args[0] ?? '')) await seen.mark();
    return (await plane.kubectl(['-n', name, ...args], stdin)).trim();
  };
  const kubectl = (...args: string[]) => run(args);
  const apply = async (...objects: readonly unknown[]) => {
    await run(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }));
  };
  await apply(...surroundingsOf(name, rig.alertmanager.url));
  const routing = () =>
    routingOf(rig.traefik.ownUrl, { namespace: name, name: SHOP }, [STABLE_SERVICE, CANARY_SERVICE]);
  const timeline = await followTraffic(plane.client, name, routing);
  const { until, untilStatus, untilNow, sightings } = seen;
  let last: ShopRollout = { tag: '' };
  let commands = 0;
  const team: Team = {
    ...{ name, host: `${name}.example`, kubectl, apply, timeline, until, untilStatus, untilNow, sightings },
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
      seen.expectAnswerTo(id);
      return id;
    },
    events: async () => {
      const about = `involvedObject.name=${SHOP},involvedObject.kind=Rollout`;
      const path = '{range .items[*]}{.reason} {.count}{"\\n"}{end}';
      const sorted = ['--sort-by=.metadata.creationTimestamp', '-o', `jsonpath=${path}`];
      const lines = (await kubectl('get', 'events', '--field-selector', about, ...sorted)).split('\n').filter(Boolean);
      return lines.flatMap(line => {
        const [reason = '', count] = line.split(' ');
        return Array.from({ length: Number(count) }, () => reason);
      });
    },
    alerts: alertname => rig.receiver.alerts({ namespace: name, ...(alertname && { alertname }) }),
    begin: async (shop, client) => {
      await team.release(shop);
      await kubectl('wait', '--for=condition=Ready', `rollout/${SHOP}`, '--timeout=60s');
      const writes = () => writesToTraffic(rig, name);
      return await startGatewayClient({ url: rig.traefik.url, host: team.host, ...client }, timeline, writes);
    },
    stop: async () => {
      await Promise.all([timeline.stop(), seen.stop()]);
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
