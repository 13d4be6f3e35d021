import type { ApiObject } from '../api/object-meta.ts';

interface ParentRef {
  readonly group?: unknown;
  readonly kind?: unknown;
  readonly namespace?: unknown;
  readonly name?: unknown;
  readonly sectionName?: unknown;
  readonly port?: unknown;
}

interface Condition {
  readonly type?: unknown;
  readonly status?: unknown;
  readonly observedGeneration?: unknown;
  readonly message?: unknown;
}

interface ParentStatus {
  readonly parentRef?: ParentRef;
  readonly conditions?: readonly Condition[];
}

/** What keeps a route from being taken up. */
export interface Refusal {
  readonly why: string;
  /** The gateway has said no, rather than nothing yet. */
  readonly rejected: boolean;
}

/**
 * Undefined when a parent that the route names reports Accepted and ResolvedRefs for this generation, and none that reports says
 * otherwise; else what is missing. Others report on a route as well, such as controllers of policies, and what was reported by a
 * controller that is gone, or on a parent that the route names no more, stays behind: neither decides.
 * https://gateway-api.sigs.k8s.io/reference/spec/#routeparentstatus
 */
export function notAccepted(route: ApiObject): Refusal | undefined {
  const parents = (route['status'] as { parents?: unknown } | undefined)?.parents;
  const name = `HTTPRoute ${route.metadata.name}`;
  if (!Array.isArray(parents) || parents.length === 0)
    return { why: `no gateway has reported on ${name} yet`, rejected: false };
  const refs = (route['spec'] as { parentRefs?: unknown } | undefined)?.parentRefs;
  const asked: (ParentRef | undefined)[] = Array.isArray(refs) && refs.length > 0 ? refs : [undefined];
  const reports = (parents as ParentStatus[]).filter(one => one.conditions?.some(({ type }) => type === 'Accepted'));
  const telling = asked.flatMap(ref => newestOn(ref, reports, route.metadata.namespace));
  if (telling.length === 0) return { why: `the gateway has not reported Accepted on ${name}`, rejected: false };
  for (const { conditions } of telling) {
    const refusal = refusalOf(conditions ?? [], route, name);
    if (refusal) return refusal;
  }
  return undefined;
}

/** The latest that was reported on a parent, on the very section and port that the route names where somebody did. */
function newestOn(
  ref: ParentRef | undefined,
  reports: readonly ParentStatus[],
  namespace: string | undefined,
): ParentStatus[] {
  const about = reports.filter(({ parentRef }) => isSame(ref, parentRef, namespace));
  const exact = about.filter(
    ({ parentRef }) => parentRef?.sectionName === ref?.sectionName && parentRef?.port === ref?.port,
  );
  const meant = exact.length > 0 ? exact : about;
  const newest = Math.max(...meant.map(generationOf));
  return meant.filter(report => generationOf(report) === newest);
}

/** Who tells no generation is taken at its word. */
function generationOf({ conditions = [] }: ParentStatus): number {
  const told = conditions.flatMap(({ observedGeneration: at }) => (typeof at === 'number' ? [at] : []));
  return told.length > 0 ? Math.max(...told) : Number.POSITIVE_INFINITY;
}

function refusalOf(conditions: readonly Condition[], route: ApiObject, name: string): Refusal | undefined {
  for (const type of ['Accepted', 'ResolvedRefs']) {
    const condition = conditions.find(one => one.type === type);
    if (!condition) return { why: `the gateway has not reported ${type} on ${name}`, rejected: false };
    const { status, message, observedGeneration: observed } = condition;
    const { generation } = route.metadata;
    if (typeof observed === 'number' && generation !== undefined && observed < generation)
      return { why: `the gateway has not yet taken up the last change of ${name}`, rejected: false };
    if (status !== 'True') {
      const why = `the gateway reports ${type}=${String(status)} on ${name}: ${String(message ?? '')}`;
      return { why: why.slice(0, 1000), rejected: status === 'False' };
    }
  }
  return undefined;
}

/** Whether a report is about a parent. One that leaves out a section or a port is about all of them. */
function isSame(ref: ParentRef | undefined, reported: ParentRef | undefined, namespace: string | undefined): boolean {
  if (!ref || !reported) return true;
  const whole = ({
    group = 'gateway.networking.k8s.io',
    kind = 'Gateway',
    namespace: at = namespace,
    name,
  }: ParentRef) => JSON.stringify([group, kind, at ?? null, name]);
  const differs = (field: 'sectionName' | 'port') =>
    ref[field] !== undefined && reported[field] !== undefined && ref[field] !== reported[field];
  return whole(ref) === whole(reported) && !differs('sectionName') && !differs('port');
}
