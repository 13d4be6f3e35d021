import type { ReplicaSet, StatusCondition } from './workload-objects.ts';

/** What a Deployment's status is counted from. */
export interface DeploymentFacts {
  readonly generation: number;
  readonly replicas: number;
  readonly maxUnavailable: number;
  readonly current: ReplicaSet;
  readonly all: readonly ReplicaSet[];
  readonly before: readonly StatusCondition[];
  /** RFC 3339 */
  readonly now: string;
}

/** The status of a Deployment, so that `kubectl rollout status` and `kubectl wait` understand it. */
export function deploymentStatus(facts: DeploymentFacts): Record<string, unknown> {
  const sum = (field: 'replicas' | 'readyReplicas' | 'availableReplicas') =>
    facts.all.reduce((total, set) => total + (set.status?.[field] ?? 0), 0);
  const updatedReplicas = facts.current.status?.replicas ?? 0;
  const availableReplicas = sum('availableReplicas');
  const done =
    updatedReplicas === facts.replicas && sum('replicas') === facts.replicas && availableReplicas === facts.replicas;
  const available = availableReplicas >= facts.replicas - facts.maxUnavailable;
  const { name } = facts.current.metadata;
  const condition = (type: string, status: string, reason: string, message: string): StatusCondition => {
    const before = facts.before.find(one => one.type === type && one.status === status);
    const lastTransitionTime = before?.lastTransitionTime ?? facts.now;
    const same = before?.reason === reason && before.message === message;
    const lastUpdateTime = same ? before.lastUpdateTime : facts.now;
    return { type, status, reason, message, lastTransitionTime, lastUpdateTime };
  };
  return {
    observedGeneration: facts.generation,
    replicas: sum('replicas'),
    updatedReplicas,
    readyReplicas: sum('readyReplicas'),
    availableReplicas,
    unavailableReplicas: Math.max(0, sum('replicas') - availableReplicas),
    conditions: [
      available
        ? condition('Available', 'True', 'MinimumReplicasAvailable', 'Deployment has minimum availability.')
        : condition(
            'Available',
            'False',
            'MinimumReplicasUnavailable',
            'Deployment does not have minimum availability.',
          ),
      done
        ? condition(
            'Progressing',
            'True',
            'NewReplicaSetAvailable',
            `ReplicaSet "${name}" has successfully progressed.`,
          )
        : condition('Progressing', 'True', 'ReplicaSetUpdated', `ReplicaSet "${name}" is progressing.`),
    ],
  };
}
