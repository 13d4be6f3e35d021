import type { RouteMatch } from './gateway-objects.ts';

/** What of a request decides about its route. Header names are lower-case, host without port. */
export interface RequestFacts {
  readonly host: string;
  readonly path: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly query: URLSearchParams;
}

/** Whether everything in a match holds. Regular expressions never match: a route that has one is not accepted. */
export function matchesRequest(match: RouteMatch, request: RequestFacts): boolean {
  const { path = {}, method, headers = [], queryParams = [] } = match;
  return (
    matchesPath(path.type ?? 'PathPrefix', path.value ?? '/', request.path) &&
    (method === undefined || method === request.method) &&
    headers.every(
      ({ type = 'Exact', name, value }) => type === 'Exact' && headerOf(request, name.toLowerCase()) === value,
    ) &&
    queryParams.every(({ type = 'Exact', name, value }) => type === 'Exact' && request.query.get(name) === value)
  );
}

/** Prefixes match whole path elements: `/shop` matches `/shop` and `/shop/1`, not `/shopping`. */
function matchesPath(type: string, wanted: string, path: string): boolean {
  if (type === 'Exact') return path === wanted;
  if (type !== 'PathPrefix') return false;
  const prefix = wanted.endsWith('/') ? wanted.slice(0, -1) : wanted;
  return path === prefix || path.startsWith(`${prefix}/`) || prefix === '';
}

/** Whether a request's host fits a hostname, which may begin with `*.` (at least one more label). */
export function matchesHost(hostname: string, host: string): boolean {
  if (!hostname.startsWith('*.')) return hostname === host;
  return host.endsWith(hostname.slice(1)) && host.length > hostname.length - 1;
}

/**
 * Which of two matches is asked first, by the rules of Gateway API: exact path, longer prefix, a method, more headers, more query
 * parameters. Negative: `a` first.
 */
export function compareSpecificity(a: RouteMatch, b: RouteMatch): number {
  const exact = (match: RouteMatch) => Number(match.path?.type === 'Exact');
  const length = (match: RouteMatch) => match.path?.value?.length ?? 1;
  return (
    exact(b) - exact(a) ||
    length(b) - length(a) ||
    Number(b.method !== undefined) - Number(a.method !== undefined) ||
    (b.headers?.length ?? 0) - (a.headers?.length ?? 0) ||
    (b.queryParams?.length ?? 0) - (a.queryParams?.length ?? 0)
  );
}

function headerOf(request: RequestFacts, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(',') : value;
}
