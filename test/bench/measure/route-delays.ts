import { isOperatorWrite, memberKeyOf, type Request } from './audit-record.ts';

/** How long one bad canary kept its traffic, milliseconds. */
export interface RouteDelay {
  readonly key: string;
  /** From the failing sample's being stored. */
  readonly stored: number;
  /** From the bad answer of the metrics server. */
  readonly served: number;
  /** From the moment at which the metric turned bad. */
  readonly turned: number;
}

/**
 * Finds for each member the failing sample and the write that took its traffic away. The route is at 0 % with its last write,
 * which `requests` must reach. The failing sample is the last status of its run before that, if it was asked for after the first
 * bad answer: it ends the run, and earlier ones may still tell of good answers that waited to be stored.
 */
export function routeDelays(
  requests: readonly Request[],
  turnedAt: ReadonlyMap<string, number>,
  firstBadAt: (key: string) => number | undefined,
): RouteDelay[] {
  const statuses = new Map<string, Request[]>();
  const routes = new Map<string, Request>();
  for (const request of requests) {
    const key = isOperatorWrite(request) ? memberKeyOf(request) : undefined;
    if (key === undefined) continue;
    if (request.resource === 'httproutes') routes.set(key, request);
    if (request.resource === 'analysisruns/status') statuses.set(key, [...(statuses.get(key) ?? []), request]);
  }
  return [...turnedAt].flatMap(([key, turned]) => {
    const route = routes.get(key);
    // By when they were asked for: on a busy machine the end of a request may be told after what followed from it.
    const sample = statuses.get(key)?.findLast(({ atMs }) => route !== undefined && atMs < route.atMs);
    const bad = firstBadAt(key);
    if (sample === undefined || route === undefined || bad === undefined || sample.atMs < bad) return [];
    return [{ key, stored: route.doneMs - sample.doneMs, served: route.doneMs - bad, turned: route.doneMs - turned }];
  });
}
