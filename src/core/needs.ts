import type { AnalysisUse } from '../api/analysis-template.ts';
import type { ApiObject, ObjectRef } from '../api/object-meta.ts';
import { serviceNames } from './prerequisites.ts';
import { routerNeeds } from './router.ts';
import { routeKey } from './snapshot.ts';
import { readSpec, readStatus } from './spec-reader.ts';

/** What a snapshot of this Rollout must show besides what the Rollout owns. */
export interface Needs {
  readonly services: readonly string[];
  readonly routes: readonly ObjectRef[];
  readonly templates: readonly { readonly name: string; readonly clusterScope: boolean }[];
}

const NOTHING: Needs = { services: [], routes: [], templates: [] };

/** Reads the needs off the spec; an unreadable spec needs nothing. */
export function needsOf(rollout: ApiObject): Needs {
  const reading = readSpec(rollout);
  if (!reading.ok) return NOTHING;
  const { canary, blueGreen } = reading.spec.strategy;
  const steered = readStatus(rollout)?.steered;
  const departed = steered?.route
    ? routerNeeds({ trafficRouting: { gatewayAPI: { httpRoute: steered.route.name } } })
    : [];
  const uses: (AnalysisUse | undefined)[] = [
    canary?.analysis,
    ...(canary?.steps ?? []).map(step => step.analysis),
    blueGreen?.prePromotionAnalysis,
    blueGreen?.postPromotionAnalysis,
  ];
  const templates = new Map<string, { name: string; clusterScope: boolean }>();
  for (const { templateName, clusterScope = false } of uses.flatMap(use => use?.templates ?? []))
    templates.set(`${clusterScope}/${templateName}`, { name: templateName, clusterScope });
  return {
    services: [...new Set([...serviceNames({ spec: reading.spec }), ...(steered?.services ?? [])])],
    routes: [
      ...new Map([...(canary ? routerNeeds(canary) : []), ...departed].map(ref => [routeKey(ref), ref])).values(),
    ],
    templates: [...templates.values()],
  };
}
