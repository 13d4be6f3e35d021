import type { AuditEntry } from '../control-plane/audit-log.ts';
import { RIG_USERS } from '../control-plane/users.ts';
import type { ControlPlane } from '../control-plane.ts';
import { isWrite, type ProxiedRequest } from '../fault-proxy/proxied-request.ts';
import type { Trace } from '../fault-proxy/trace.ts';
import type { FleetChange } from './fleet.ts';

interface Written {
  readonly status?: { readonly observedGeneration?: number };
  readonly spec?: { readonly template?: { readonly spec?: { readonly containers?: readonly { image?: string }[] } } };
}

/**
 * Milliseconds from when the API server received each change to when it received the operator's first write because of it: a
 * set with the image that was declared, the size of a set after a change of the number of pods was told, or a status that
 * names the declaration, which may wait for two seconds. Infinite without one. Both by the audit log, one clock; what each write
 * was about is in the operator's trace.
 */
export function reactionsTo(
  changes: readonly FleetChange[],
  plane: ControlPlane,
  namespace: string,
  trace: Trace,
): number[] {
  const changed = inOrder(plane.auditEntries({ user: RIG_USERS.admin.name, namespace, verb: 'patch' }), keyOfAudit);
  const written = inOrder(plane.auditEntries({ user: RIG_USERS.operator.name, namespace, writes: true }), keyOfAudit);
  const relayed = trace.entries.filter(({ request, relayed }) => relayed && isWrite(request));
  const requests = inOrder(
    relayed.map(({ request }) => request),
    keyOfRequest,
  );
  return changes.map(change => {
    const { name, generation } = change;
    const toldAt = trace.events.find(({ plural, object: { metadata } }) => {
      return plural === 'rollouts' && metadata.name === name && (metadata.generation ?? 0) >= generation;
    })?.at;
    const receivedMs = changed.get(`patch rollouts ${name}`)?.[generation - 1]?.atMs ?? Number.NaN;
    const answers = [...requests].flatMap(([key, all]) => {
      const nth = all.findIndex(
        request =>
          isAnswer(request, change) || (request.at > (toldAt ?? Number.POSITIVE_INFINITY) && isScale(request, change)),
      );
      return nth < 0 ? [] : (written.get(key)?.[nth]?.atMs ?? Number.POSITIVE_INFINITY);
    });
    return Math.min(...answers) - receivedMs;
  });
}

function inOrder<T>(all: readonly T[], key: (one: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const one of all) groups.set(key(one), [...(groups.get(key(one)) ?? []), one]);
  return groups;
}

const keyOfAudit = ({ verb, resource, name }: AuditEntry) => `${verb} ${resource} ${name}`;

function keyOfRequest({ verb, plural, subresource, name }: ProxiedRequest): string {
  return `${verb} ${subresource === undefined ? plural : `${plural}/${subresource}`} ${name}`;
}

function isAnswer({ plural, verb, name, body }: ProxiedRequest, change: FleetChange): boolean {
  const { status, spec } = (body ?? {}) as Written;
  if (plural === 'rollouts') return name === change.name && (status?.observedGeneration ?? 0) >= change.generation;
  const isOwn = plural === 'replicasets' && verb === 'create' && name?.startsWith(`${change.name}-`) === true;
  return isOwn && change.image !== undefined && spec?.template?.spec?.containers?.[0]?.image === change.image;
}

/** A size of one of its sets: an answer to a change that was told before. */
function isScale({ plural, verb, name, body }: ProxiedRequest, change: FleetChange): boolean {
  const { spec } = (body ?? {}) as { spec?: { replicas?: number } };
  const isOwn = plural === 'replicasets' && verb === 'patch' && name?.startsWith(`${change.name}-`) === true;
  return isOwn && change.image === undefined && spec?.replicas !== undefined;
}

/** The value below which this share of numbers lies. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
