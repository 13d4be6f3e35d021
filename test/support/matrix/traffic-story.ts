import type { KubeObject } from '../control-plane/api-client.ts';
import type { Change } from './cluster-history.ts';

/** A share of the canary and how long it lasted. */
export interface Dwell {
  readonly weight: number;
  readonly ms: number;
}

/** What users got while a story was told. */
export interface Traffic {
  /** The canary's weights in the order in which they were set. */
  readonly dwells: readonly Dwell[];
  /** Moments in which a backend with weight had no ready endpoint. */
  readonly voids: readonly string[];
}

interface BackendRef {
  readonly name: string;
  readonly weight?: number;
}

/**
 * Replays the history of a namespace in the order in which the API server stored it. A backend that has had no endpoint yet
 * since the namespace began is not held against anybody, and nothing after the Rollout is deleted is.
 */
export function trafficOf(changes: readonly Change[]): Traffic {
  const slices = new Map<string, { service: string; ready: number }>();
  const served = new Set<string>();
  const voids: string[] = [];
  const dwells: { weight: number; from: number }[] = [];
  let refs: readonly BackendRef[] = [];
  let over = false;
  const ready = (service: string) =>
    [...slices.values()].reduce((sum, slice) => sum + (slice.service === service ? slice.ready : 0), 0);
  for (const change of changes) {
    if (change.plural === 'rollouts' && change.object === undefined) over = true;
    if (change.plural === 'httproutes') {
      const before = weightOf(refs, 1);
      refs = backendsOf(change.object);
      const weight = weightOf(refs, 1);
      if (weight !== before || dwells.length === 0) dwells.push({ weight, from: change.at });
    } else if (change.plural === 'endpointslices') {
      if (change.object === undefined) slices.delete(change.name);
      else slices.set(change.name, readyOf(change.object));
    } else continue;
    for (const { name, weight = 1 } of over ? [] : refs) {
      const endpoints = ready(name);
      if (endpoints > 0) served.add(name);
      if (weight > 0 && endpoints === 0 && (served.has(name) || name !== refs[0]?.name))
        voids.push(`${name} had weight ${weight} and no ready endpoint at version ${change.version}`);
    }
  }
  const ended = changes.at(-1)?.at ?? 0;
  return {
    dwells: dwells.map(({ weight, from }, at) => ({ weight, ms: Math.round((dwells[at + 1]?.from ?? ended) - from) })),
    voids,
  };
}

function weightOf(refs: readonly BackendRef[], at: number): number {
  return refs[at]?.weight ?? 0;
}

function backendsOf(route: KubeObject | undefined): readonly BackendRef[] {
  const spec = route?.['spec'] as { rules?: { backendRefs?: BackendRef[] }[] } | undefined;
  return spec?.rules?.[0]?.backendRefs ?? [];
}

function readyOf(slice: KubeObject): { service: string; ready: number } {
  const endpoints = (slice['endpoints'] ?? []) as { conditions?: { ready?: boolean } }[] | null;
  return {
    service: slice.metadata.labels?.['kubernetes.io/service-name'] ?? '',
    ready: (endpoints ?? []).filter(({ conditions }) => conditions?.ready !== false).length,
  };
}
