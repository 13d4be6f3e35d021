import { HASH_LABEL } from '../../src/api/names.ts';
import type { Action, Decision } from '../../src/core/decision.ts';
import type { SimCluster } from './sim-cluster.ts';

/** What must hold while the gateway's controller is behind: users are where the weights that it took up last send them. */
export function brokenForUsers(cluster: SimCluster, decision: Decision): string[] {
  const { strategy, replicas } = cluster.rollout['spec'];
  if (!strategy.canary?.trafficRouting || !cluster.status['stable'] || replicas === 0) return [];
  return decision.actions.flatMap(action => {
    if (action.type === 'SelectRevision') return brokenMove(cluster, action);
    if (action.type === 'ScaleReplicaSet') return brokenShrink(cluster, action);
    return [];
  });
}

function brokenMove(cluster: SimCluster, action: Extract<Action, { type: 'SelectRevision' }>): string[] {
  const now = selected(cluster, action.service);
  const home = cluster.status['stable'].podTemplateHash;
  const isHomeward = action.podTemplateHash === home && cluster.canaryWeight() === 0;
  if (action.service !== 'canary' || now === undefined || now === action.podTemplateHash || isHomeward) return [];
  return cluster.takenUp > 0
    ? [`the canary Service moves while the gateway sends it ${cluster.takenUp} % of the users`]
    : [];
}

function brokenShrink(cluster: SimCluster, action: Extract<Action, { type: 'ScaleReplicaSet' }>): string[] {
  const { replicas, strategy } = cluster.rollout['spec'];
  const hash = cluster.replicaSets.get(action.target.name)?.metadata.labels?.[HASH_LABEL];
  const shares = [
    ['stable', 100 - cluster.takenUp],
    ['canary', cluster.takenUp],
  ] as const;
  return shares.flatMap(([service, share]) => {
    if (hash === undefined || selected(cluster, service) !== hash) return [];
    const declared = service === 'canary' && JSON.stringify(strategy).includes('setCanaryScale');
    const needed = declared ? 1 : Math.ceil((replicas * share) / 100);
    const broken = action.to < Math.min(action.from, needed);
    return broken ? [`${service} goes to ${action.to} pods while the gateway sends it ${share} % of the users`] : [];
  });
}

function selected(cluster: SimCluster, service: string): string | undefined {
  return cluster.services.get(service)?.['spec'].selector?.[HASH_LABEL];
}
