import { HASH_LABEL } from '../../src/api/names.ts';
import type { Decision } from '../../src/core/decision.ts';
import type { SimCluster } from './sim-cluster.ts';

/** What must hold of every decision in every state that the model can reach; answers with what is broken. */
export function brokenRules(cluster: SimCluster, decision: Decision): string[] {
  const broken: string[] = [];
  for (const action of decision.actions) {
    if (action.type === 'PatchRoute') {
      const weights = action.patch.flatMap(op => (op.op === 'add' ? [op.value as number] : []));
      if (weights.length % 2 !== 0 || weights.some(weight => !Number.isInteger(weight) || weight < 0 || weight > 100)) broken.push(`weights ${weights.join('/')}`);
      for (let i = 0; i < weights.length; i += 2) if ((weights[i] ?? 0) + (weights[i + 1] ?? 0) !== 100) broken.push(`weights ${weights.join('/')} do not sum to 100`);
      const before = cluster.canaryWeight(action.ref.name);
      if (action.canaryWeight > before) broken.push(...weightOnReadyPodsOnly(cluster));
      if (cluster.status['phase'] === 'Aborted' && action.canaryWeight > before) broken.push(`an aborted canary's weight rises from ${before} to ${action.canaryWeight}`);
    }
    if (action.type === 'ScaleReplicaSet' && action.to === 0) {
      const hash = cluster.replicaSets.get(action.target.name)?.metadata.labels?.[HASH_LABEL];
      for (const service of cluster.services.values())
        if (hash !== undefined && service['spec'].selector?.[HASH_LABEL] === hash && cluster.rollout['spec'].replicas > 0)
          broken.push(`${action.target.name} goes to 0 while Service ${service.metadata.name} selects it`);
    }
    if (action.type === 'ScaleReplicaSet' && (action.to < 0 || !Number.isInteger(action.to))) broken.push(`scale to ${action.to}`);
  }
  if (decision.wakeAt !== undefined && decision.wakeAt <= cluster.now && decision.actions.length === 0) broken.push('wakes in the past with nothing to do');
  return broken;
}

function weightOnReadyPodsOnly(cluster: SimCluster): string[] {
  const service = cluster.services.get('canary');
  const ready = (service?.['endpoints'] as unknown[] | undefined)?.length ?? 0;
  return ready > 0 ? [] : ['weight rises on a Service without ready endpoints'];
}

/** All pods of all sets that would serve users now. */
export function availablePods(cluster: SimCluster): number {
  let sum = 0;
  for (const set of cluster.replicaSets.values()) sum += Math.min(set['status']?.availableReplicas ?? 0, set['spec'].replicas);
  return sum;
}
