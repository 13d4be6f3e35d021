import type { ApiClient, KubeObject } from '../../support/control-plane/api-client.ts';
import { type ObjectWatch, watchObjects } from '../../support/control-plane/watch-objects.ts';

/** The weight that each route gives the canary now. */
export interface RouteWatch extends ObjectWatch {
  /** By `namespace/name`. */
  weight(key: string): number | undefined;
}

/** Watches all HTTPRoutes. */
export async function startRouteWatch(client: ApiClient): Promise<RouteWatch> {
  const weights = new Map<string, number>();
  const onObject = (route: KubeObject) => {
    const { rules = [] } = route.spec as { rules?: { backendRefs?: { name: string; weight?: number }[] }[] };
    const canary = rules[0]?.backendRefs?.find(ref => ref.name.endsWith('-canary'));
    weights.set(`${route.metadata.namespace}/${route.metadata.name}`, canary?.weight ?? 0);
  };
  const watch = await watchObjects(client, '/apis/gateway.networking.k8s.io/v1/httproutes', {
    onObject,
    onGone: () => {},
  });
  return { stop: watch.stop, weight: key => weights.get(key) };
}
