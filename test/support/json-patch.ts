import type { Patch } from '../../src/traffic/traffic-router.ts';

/** Applies an RFC 6902 patch in place; throws when a `test` fails, as the API server answers 422. */
export function applyJsonPatch(target: object, patch: Patch): void {
  for (const operation of patch) {
    const parts = operation.path.split('/').slice(1);
    const last = parts.pop() ?? '';
    let node = target as Record<string, unknown>;
    for (const part of parts) node = node[part] as Record<string, unknown>;
    if (operation.op === 'test') {
      if (JSON.stringify(node[last]) !== JSON.stringify(operation.value))
        throw new Error(`test failed at ${operation.path}`);
    } else if (operation.op === 'remove') delete node[last];
    else node[last] = operation.value;
  }
}
