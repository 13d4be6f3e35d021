import { isOperatorWrite, type Request } from './audit-record.ts';

/** How often each object changed, by `resource/namespace/name`. */
export type Changes = ReadonlyMap<string, number>;

/** What changed between two counts. */
export function changesBetween(before: Changes, after: Changes): Changes {
  return new Map([...after].map(([key, count]) => [key, count - (before.get(key) ?? 0)]));
}

/** What {@link wastedWrites} finds. */
export interface Wasted {
  readonly count: number;
  readonly examples: string[];
  /** Changes without a request for them. Not 0: somebody writes whom the audit policy leaves out, and may hide wasted ones. */
  readonly unexplained: number;
}

const CHANGING = new Set(['patch', 'update']);
/** The answer to a patch that made its object. */
const CREATED = 201;

/** The object of a request; a subresource is stored in the object that it belongs to. */
export function objectKeyOf(request: Pick<Request, 'resource' | 'namespace' | 'name'>): string {
  return `${request.resource.split('/')[0]}/${request.namespace}/${request.name}`;
}

/**
 * Writes that changed nothing: the API server answers them like any other, but stores nothing and sends no watch event. So
 * of each object that the operator patched, all accepted patches and updates of everybody are counted against its watch
 * events. Patches of others that change nothing count against the operator too, so this is an upper bound. Creation is no change.
 */
export function wastedWrites(requests: readonly Request[], changes: Changes): Wasted {
  const asked = new Map<string, number>();
  const ours = new Set<string>();
  for (const request of requests) {
    if (!CHANGING.has(request.verb) || request.status >= 400 || request.resource === 'events') continue;
    if (request.status === CREATED) continue;
    const key = objectKeyOf(request);
    asked.set(key, (asked.get(key) ?? 0) + 1);
    if (isOperatorWrite(request)) ours.add(key);
  }
  const wasted = [...ours].map(key => [key, (asked.get(key) ?? 0) - (changes.get(key) ?? 0)] as const);
  const found = wasted.filter(([, count]) => count > 0);
  return {
    unexplained: wasted.reduce((sum, [, count]) => sum + Math.max(0, -count), 0),
    count: found.reduce((sum, [, count]) => sum + count, 0),
    examples: found.slice(0, 5).map(([key, count]) => `${key}: ${count} of ${asked.get(key)}`),
  };
}
