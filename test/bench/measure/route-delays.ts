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
 * Finds for each member the failing sample and the write that took its traffic away. The sample is the first status of its
 * run that was asked for after the first bad answer: one that was asked for before still tells of a good answer. The route is at
 * 0 % with its last write, which `requests` must reach.
 */
export function routeDelays(
  requests: readonly Request[],
  turnedAt: ReadonlyMap<string, number>,
  firstBadAt: (key: string) => number | undefined,
): RouteDelay[] {
  const samples = new Map<string, Request>();
  const routes = new Map<string, Request>();
  for (const request of requests) {
    if (!isOperatorWrite(request)) continue;
    const key = memberKeyOf(request);
    if (key === undefined) continue;
    if (request.resource === 'httproutes') routes.set(key, request);
    const bad = firstBadAt(key);
    if (request.resource === 'analysisruns/status' && bad !== undefined && request.atMs >= bad && !samples.has(key))
      samples.set(key, request);
  }
  return [...turnedAt].flatMap(([key, turned]) => {
    const sample = samples.get(key);
    const route = routes.get(key);
    const bad = firstBadAt(key);
    if (sample === undefined || route === undefined || bad === undefined || route.doneMs < bad) return [];
    return [{ key, stored: route.doneMs - sample.doneMs, served: route.doneMs - bad, turned: route.doneMs - turned }];
  });
}
