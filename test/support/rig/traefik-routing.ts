/** What a Traefik does with the requests of one route, as its API tells. */
export interface GatewayRouting {
  /** Weight of each Service. */
  readonly weights: Readonly<Record<string, number>>;
  /** `address:port` of the pods behind each Service, in order. */
  readonly servers: Readonly<Record<string, readonly string[]>>;
}

interface RawService {
  readonly weighted?: { readonly services: readonly { readonly name: string; readonly weight?: number }[] };
  readonly loadBalancer?: { readonly servers?: readonly { readonly url: string }[] };
}

/**
 * The routing that is in force for a route with one rule; undefined when Traefik has none. The conditions of the route cannot say:
 * Traefik writes them before it switches, and a busy one switches a second later.
 */
export async function routingOf(
  ownUrl: string,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  services: readonly string[],
): Promise<GatewayRouting | undefined> {
  const answer = await fetch(`${ownUrl}/api/rawdata`, { signal: AbortSignal.timeout(5_000) });
  const raw = (await answer.json()) as { services?: Record<string, RawService> };
  const all = Object.entries(raw.services ?? {});
  const ofRoute = `httproute-${namespace}-${name}-gw-`;
  const rule = all.find(([name, { weighted }]) => name.startsWith(ofRoute) && weighted !== undefined)?.[1];
  if (rule?.weighted === undefined) return undefined;
  const weights: Record<string, number> = {};
  const servers: Record<string, string[]> = {};
  for (const service of services) {
    const backend = new RegExp(`^${ofRoute}.*-svc-${namespace}-${service}-\\d+(@|$)`);
    weights[service] = rule.weighted.services.find(({ name }) => backend.test(name))?.weight ?? 0;
    const balancer = all.find(([name, { loadBalancer }]) => backend.test(name) && loadBalancer !== undefined)?.[1];
    servers[service] = (balancer?.loadBalancer?.servers ?? []).map(({ url }) => new URL(url).host).toSorted();
  }
  return { weights, servers };
}
