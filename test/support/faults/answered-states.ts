import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AuditEntry } from '../control-plane/audit-log.ts';
import type { ControlPlane } from '../control-plane.ts';
import type { Change } from '../matrix/cluster-history.ts';

/** Kinds whose states a history is held against; nothing decides by pods. */
const RESOURCES = [
  { group: 'sluice.dev', resources: ['rollouts', 'analysisruns'] },
  { group: 'apps', resources: ['replicasets', 'controllerrevisions'] },
  { group: '', resources: ['services'] },
  { group: 'discovery.k8s.io', resources: ['endpointslices'] },
  { group: 'gateway.networking.k8s.io', resources: ['httproutes'] },
] as const;

/** The policy that makes the log: an entry per finished request, with the answer where something was written in this namespace. */
export function auditAnswers(namespace: string): string {
  const resources = RESOURCES.map(({ group, resources }) => ({
    group,
    resources: resources.flatMap(plural => [plural, `${plural}/status`, `${plural}/scale`]),
  }));
  const verbs = ['create', 'update', 'patch'];
  return JSON.stringify({
    apiVersion: 'audit.k8s.io/v1',
    kind: 'Policy',
    omitStages: ['RequestReceived', 'ResponseStarted', 'Panic'],
    rules: [
      { level: 'RequestResponse', verbs, namespaces: [namespace], resources, omitManagedFields: true },
      { level: 'Metadata' },
    ],
  });
}

interface Entry {
  readonly verb: string;
  readonly objectRef?: { readonly resource?: string; readonly subresource?: string; readonly name?: string };
  readonly responseStatus?: { readonly code?: number };
  readonly responseObject?: { readonly metadata?: { readonly uid?: string; readonly resourceVersion?: string } };
}

/** What joining a history with the answers to writes found. */
export interface AnsweredStates {
  /** Accepted writes with an answer that tells a state. */
  readonly writes: number;
  /** States that they made, each once: a write that changes nothing is answered with the state that is there. */
  readonly states: number;
  /** Those that the history has not. */
  readonly unknown: readonly string[];
}

/**
 * Holds a history, which comes from a watch that may have had gaps, against the audit log: whatever state the API server answered
 * an accepted write with, the history has to have. A deletion is answered with no state.
 */
export function answeredStates({ folder }: Pick<ControlPlane, 'folder'>, changes: readonly Change[]): AnsweredStates {
  const known = new Set(changes.map(({ plural, uid, version }) => `${plural} ${uid} ${version}`));
  const made = new Map<string, string>();
  let writes = 0;
  for (const line of readFileSync(join(folder, 'audit.log'), 'utf8').split('\n').slice(0, -1)) {
    const { verb, objectRef, responseStatus, responseObject }: Entry = JSON.parse(line);
    const { uid, resourceVersion } = responseObject?.metadata ?? {};
    if ((responseStatus?.code ?? 0) >= 300 || !uid || !resourceVersion) continue;
    writes += 1;
    const { resource, subresource = '', name } = objectRef ?? {};
    made.set(`${resource} ${uid} ${resourceVersion}`, `${verb} ${resource}/${name}${subresource && `/${subresource}`}`);
  }
  const unknown = [...made].filter(([state]) => !known.has(state)).map(([state, write]) => `${write}: ${state}`);
  return { writes, states: made.size, unknown };
}

/**
 * The same for deletions, which are answered with no state: what the API server accepted to delete has to be seen gone, as often as
 * it went, since another one may have its name by then. @param audit entries of the history's namespace
 */
export function unseenDeletions(audit: readonly AuditEntry[], changes: readonly Change[]): string[] {
  const followed = new Set(RESOURCES.flatMap(({ resources }): readonly string[] => resources));
  const accepted = audit.filter(({ verb, status }) => verb === 'delete' && status < 300);
  const went = countsOf(accepted.map(({ resource, name }) => ({ plural: resource, name })));
  const seen = countsOf(changes.filter(({ object }) => object === undefined));
  return [...went].flatMap(([what, times]) => {
    const [plural = ''] = what.split('/');
    const count = seen.get(what) ?? 0;
    return followed.has(plural) && times > count ? [`${what}: went ${times} times, seen ${count}`] : [];
  });
}

function countsOf(all: readonly { readonly plural: string; readonly name: string | undefined }[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { plural, name } of all) counts.set(`${plural}/${name}`, (counts.get(`${plural}/${name}`) ?? 0) + 1);
  return counts;
}
