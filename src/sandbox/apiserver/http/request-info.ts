/** What a request path is about. */
export interface ResourceRequest {
  /** `v1` or `group/version`. */
  apiVersion: string;
  /** The namespace in the path, or undefined when the path has none. */
  namespace: string | undefined;
  plural: string;
  name: string | undefined;
  subresource: string | undefined;
}

/**
 * Reads `/api/v1/...` and `/apis/<group>/<version>/...` paths that name a resource. Returns undefined for every other
 * path (discovery, health, OpenAPI).
 */
export function parseResourcePath(path: string): ResourceRequest | undefined {
  const parts = path
    .split('/')
    .filter(part => part !== '')
    .map(safeDecode);
  const isCore = parts[0] === 'api';
  if (!isCore && parts[0] !== 'apis') return undefined;
  const prefix = isCore ? 2 : 3;
  const apiVersion = parts.slice(1, prefix).join('/');
  const rest = parts.slice(prefix);
  if (rest.length === 0) return undefined;
  // `namespaces/<ns>/<plural>` names what is inside; `namespaces/<ns>[/status|finalize]` the namespace itself.
  const isInside = rest[0] === 'namespaces' && rest.length > 2 && !(isCore && namespaceSubresources.has(rest[2] ?? ''));
  const namespace = isInside ? rest[1] : undefined;
  const [plural = '', name, subresource, ...extra] = isInside ? rest.slice(2) : rest;
  if (extra.length > 0) return undefined;
  return { apiVersion, namespace, plural, name, subresource };
}

const namespaceSubresources = new Set(['status', 'finalize']);

function safeDecode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
