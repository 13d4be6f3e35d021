import { type ApiAccess, ApiClient, ApiFailure, type KubeObject } from './api-client.ts';
import { type ObjectWatch, watchObjects } from './watch-objects.ts';

/** What the controller says about a route. `silent` leaves its status as it is, as a controller that lags would. */
export type RouteJudgement = 'accepted' | 'rejected' | 'refsNotResolved' | 'silent';

/** How the fake controller signs and judges. */
export interface FakeGatewayOptions {
  /** `gateway.example/fake` when absent. */
  readonly controllerName?: string;
  /** Every route is accepted when absent. */
  readonly judge?: (route: KubeObject) => RouteJudgement;
}

interface ParentStatus {
  parentRef: unknown;
  controllerName: string;
  conditions: { type: string; observedGeneration: number; [field: string]: unknown }[];
}

const ROUTES = '/apis/gateway.networking.k8s.io/v1';

/**
 * Stands in for a gateway where no real one runs: writes Accepted and ResolvedRefs with the observed generation for each
 * parentRef of each HTTPRoute. It moves no traffic.
 */
export async function startFakeGatewayController(
  access: ApiAccess,
  options: FakeGatewayOptions = {},
): Promise<ObjectWatch> {
  const client = new ApiClient(access);
  const controllerName = options.controllerName ?? 'gateway.example/fake';
  const judge = options.judge ?? (() => 'accepted');
  const pending = new Set<Promise<void>>();
  const watch = await watchObjects(client, `${ROUTES}/httproutes`, {
    onObject: route => {
      const work = report(client, route, controllerName, judge(route)).finally(() => pending.delete(work));
      pending.add(work);
    },
    onGone: () => {},
  });
  return {
    stop: async () => {
      await watch.stop();
      await Promise.all(pending);
      client.close();
    },
  };
}

async function report(
  client: ApiClient,
  route: KubeObject,
  controllerName: string,
  judgement: RouteJudgement,
): Promise<void> {
  const { name, namespace, generation = 0, resourceVersion } = route.metadata;
  const { parentRefs = [] } = route.spec as { parentRefs?: unknown[] };
  const { parents = [] } = (route.status ?? {}) as { parents?: ParentStatus[] };
  const mine = parents.filter(parent => parent.controllerName === controllerName);
  const current =
    mine.length === parentRefs.length &&
    mine.every(parent => parent.conditions.every(condition => condition.observedGeneration === generation));
  if (judgement === 'silent' || current) return;
  const others = parents.filter(parent => parent.controllerName !== controllerName);
  const own = parentRefs.map(parentRef => ({
    parentRef,
    controllerName,
    conditions: conditionsOf(judgement, generation),
  }));
  // The resourceVersion makes a conflict of a stale answer; the watch brings the newer route by itself.
  const body = { metadata: { resourceVersion }, status: { parents: [...others, ...own] } };
  await client.patch(`${ROUTES}/namespaces/${namespace}/httproutes/${name}/status`, 'merge', body).catch(error => {
    // An API server that is gone for a moment: the watch brings the route again when it is back.
    if (error instanceof ApiFailure && ![404, 409].includes(error.status)) throw error;
  });
}

function conditionsOf(judgement: RouteJudgement, observedGeneration: number) {
  const condition = (type: string, good: boolean, bad: string) => ({
    type,
    status: good ? 'True' : 'False',
    reason: good ? type : bad,
    message: '',
    observedGeneration,
    lastTransitionTime: new Date().toISOString(),
  });
  return [
    condition('Accepted', judgement !== 'rejected', 'NoMatchingParent'),
    condition('ResolvedRefs', judgement !== 'refsNotResolved', 'BackendNotFound'),
  ];
}
