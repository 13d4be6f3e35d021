import { existsSync, readFileSync } from 'node:fs';

/** One finished request as the API server's audit log tells it (Metadata level). */
export interface AuditEntry {
  readonly user: string;
  readonly verb: string;
  /** Plural name, with the subresource when there is one: `replicasets/scale`. */
  readonly resource: string;
  readonly group: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly status: number;
  readonly atMs: number;
  /** When the answer was complete. */
  readonly doneMs: number;
  readonly uri: string;
}

/** What to select; a field left out selects everything. `writes` keeps only requests that can change something. */
export interface AuditFilter {
  readonly user?: string;
  readonly verb?: string;
  readonly resource?: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly sinceMs?: number;
  readonly writes?: boolean;
}

/** The policy that makes the log: one entry per finished request, no bodies. */
export const AUDIT_POLICY = JSON.stringify({
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived', 'ResponseStarted', 'Panic'],
  rules: [{ level: 'Metadata' }],
});

const WRITE_VERBS = new Set(['create', 'update', 'patch', 'delete', 'deletecollection']);

/** The entries of an audit log file that match, oldest first. A last line that is still being written is left out. */
export function readAuditLog(path: string, filter: AuditFilter = {}): AuditEntry[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  return lines.map(toEntry).filter(entry => matches(entry, filter));
}

interface RawEntry {
  user: { username: string };
  verb: string;
  objectRef?: { resource?: string; subresource?: string; apiGroup?: string; namespace?: string; name?: string };
  responseStatus?: { code?: number };
  requestReceivedTimestamp: string;
  stageTimestamp: string;
  requestURI: string;
}

function toEntry(line: string): AuditEntry {
  const raw = JSON.parse(line) as RawEntry;
  const ref = raw.objectRef ?? {};
  return {
    user: raw.user.username,
    verb: raw.verb,
    resource: [ref.resource ?? '', ref.subresource].filter(part => part !== undefined).join('/'),
    group: ref.apiGroup ?? '',
    namespace: ref.namespace,
    name: ref.name,
    status: raw.responseStatus?.code ?? 0,
    atMs: Date.parse(raw.requestReceivedTimestamp),
    doneMs: Date.parse(raw.stageTimestamp),
    uri: raw.requestURI,
  };
}

function matches(entry: AuditEntry, filter: AuditFilter): boolean {
  const same = (['user', 'verb', 'resource', 'namespace', 'name'] as const).every(
    field => filter[field] === undefined || filter[field] === entry[field],
  );
  const late = filter.sinceMs === undefined || entry.atMs >= filter.sinceMs;
  return same && late && (filter.writes !== true || WRITE_VERBS.has(entry.verb));
}
