import type { HeaderChanges, RouteFilter } from './gateway-objects.ts';

/** Headers by lower-case name. */
export type Headers = Record<string, string | string[] | undefined>;

/** Belong to one connection and never travel on (RFC 9110 §7.6.1). */
const HOP_BY_HOP = ['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade'];

/** A copy without the headers that belong to the connection it came over. */
export function endToEndHeaders(headers: Headers): Headers {
  const listed = String(headers.connection ?? '')
    .split(',')
    .map(name => name.trim().toLowerCase());
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !HOP_BY_HOP.includes(name) && !listed.includes(name)),
  );
}

/** Applies the header filters of one kind, in order: set, add, remove. Changes `headers` in place. */
export function applyHeaderFilters(
  headers: Headers,
  filters: readonly RouteFilter[],
  kind: 'requestHeaderModifier' | 'responseHeaderModifier',
): void {
  for (const filter of filters) {
    const changes: HeaderChanges = filter[kind] ?? {};
    for (const { name, value } of changes.set ?? []) headers[name.toLowerCase()] = value;
    for (const { name, value } of changes.add ?? []) {
      const before = headers[name.toLowerCase()];
      headers[name.toLowerCase()] = before === undefined ? value : [before, value].flat().join(', ');
    }
    for (const name of changes.remove ?? []) delete headers[name.toLowerCase()];
  }
}
