import { HASH_LABEL } from '../../src/api/names.ts';
import type { CanaryStep } from '../../src/api/rollout-steps.ts';
import { weightAt } from '../../src/core/canary-steps.ts';
import { enoughToCarryAll } from '../../src/core/carry.ts';
import type { Action, Decision } from '../../src/core/decision.ts';
import type { SimCluster } from './sim-cluster.ts';
import { brokenForUsers } from './sim-gateway.ts';
import { brokenOutcome, brokenPassage, brokenSwitch, ungated, ungatedShares } from './sim-passage.ts';

type PatchRoute = Extract<Action, { type: 'PatchRoute' }>;

/** What must hold of every decision in every state that the model can reach; answers with what is broken. */
export function brokenRules(cluster: SimCluster, decision: Decision): string[] {
  const broken = [
    ...brokenAbort(cluster, decision),
    ...brokenStable(cluster, decision),
    ...brokenPassage(cluster, decision),
    ...brokenSwitch(cluster, decision),
    ...brokenConditions(decision),
    ...brokenForUsers(cluster, decision),
  ];
  for (const action of decision.actions) {
    if (action.type === 'PatchRoute') broken.push(...brokenWeights(cluster, decision, action));
    if (action.type === 'ScaleReplicaSet') broken.push(...brokenScale(cluster, action));
  }
  const written = decision.actions.flatMap(a =>
    a.type === 'ScaleReplicaSet' ||
    a.type === 'AnnotateReplicaSet' ||
    a.type === 'RestoreTemplate' ||
    a.type === 'SetMinReadySeconds'
      ? [a.target.name]
      : [],
  );
  if (new Set(written).size < written.length) broken.push(`one plan writes a ReplicaSet twice: ${written.join(', ')}`);
  if (decision.wakeAt !== undefined && decision.wakeAt <= cluster.now) broken.push('wakes in the past');
  broken.push(...ungatedShares(cluster, decision));
  return broken;
}

function brokenWeights(cluster: SimCluster, decision: Decision, action: PatchRoute): string[] {
  const broken: string[] = [];
  const weights = action.patch.flatMap(op => (op.op === 'add' ? [op.value as number] : []));
  if (weights.length % 2 !== 0 || weights.some(weight => !Number.isInteger(weight) || weight < 0 || weight > 100))
    broken.push(`weights ${weights.join('/')}`);
  for (let i = 0; i < weights.length; i += 2)
    if ((weights[i] ?? 0) + (weights[i + 1] ?? 0) !== 100)
      broken.push(`weights ${weights.join('/')} do not sum to 100`);
  const before = cluster.canaryWeight(action.ref.name);
  if (action.canaryWeight <= before) return broken;
  const allowed = declaredWeight(cluster, decision);
  if (action.canaryWeight > allowed)
    broken.push(`weight rises from ${before} to ${action.canaryWeight}, the step declares ${allowed}`);
  if (passesUnstored(cluster, decision)) broken.push('weight rises before the step that was passed is stored');
  broken.push(...ungated(cluster, decision).map(name => `weight rises without ${name}`));
  const canary = cluster.services.get('canary');
  if (((canary?.['endpoints'] as unknown[] | undefined)?.length ?? 0) === 0)
    broken.push('weight rises on a Service without ready endpoints');
  if (canary?.['spec'].selector?.[HASH_LABEL] !== decision.status?.canary?.podTemplateHash)
    broken.push('weight rises on a Service of another revision');
  return broken;
}

/** Whether this very pass completes a step by what the world shows: forgotten by a crash, the route would step back. */
function passesUnstored(cluster: SimCluster, decision: Decision): boolean {
  const before = cluster.status['step'];
  const after = decision.status?.step;
  const sameTrial = cluster.status['canary']?.podTemplateHash === decision.status?.canary?.podTemplateHash;
  if (!before || !after || !sameTrial || before.stepsHash !== after.stepsHash || after.total === 0) return false;
  if (decision.status?.promoteFull) return false;
  const steps = (cluster.rollout['spec'].strategy.canary?.steps ?? []) as CanaryStep[];
  return steps.slice(before.index, after.index).some(step => step.setWeight !== undefined || step.setCanaryScale);
}

/** Most weight that the canary may get in this pass: what its step declares; nothing where nothing is on trial. */
function declaredWeight(cluster: SimCluster, decision: Decision): number {
  const status = decision.status;
  if (!status?.canary || !status.step || status.phase === 'Aborted' || status.abort) return 0;
  if (status.promoteFull?.podTemplateHash === status.canary.podTemplateHash || status.step.total === 0) return 100;
  const steps = (cluster.rollout['spec'].strategy.canary?.steps ?? []) as CanaryStep[];
  return weightAt(steps, status.step.index, 100);
}

function brokenScale(cluster: SimCluster, action: Extract<Action, { type: 'ScaleReplicaSet' }>): string[] {
  const broken: string[] = [];
  if (action.to < 0 || !Number.isInteger(action.to)) broken.push(`scale to ${action.to}`);
  if (action.to > 0 || cluster.rollout['spec'].replicas === 0) return broken;
  const hash = cluster.replicaSets.get(action.target.name)?.metadata.labels?.[HASH_LABEL];
  for (const service of cluster.services.values())
    if (
      named(cluster).includes(service.metadata.name) &&
      hash !== undefined &&
      service['spec'].selector?.[HASH_LABEL] === hash
    )
      broken.push(`${action.target.name} goes to 0 while Service ${service.metadata.name} selects it`);
  return broken;
}

function named(cluster: SimCluster): unknown[] {
  const { canary, blueGreen } = cluster.rollout['spec'].strategy;
  return [canary?.stableService, canary?.canaryService, blueGreen?.activeService, blueGreen?.previewService];
}

/** The plan that records an abort brings traffic back before anything else, where stable can take it. */
function brokenAbort(cluster: SimCluster, decision: Decision): string[] {
  const abort = decision.status?.abort;
  if (!abort || cluster.status['abort']?.at === abort.at || !cluster.rollout['spec'].strategy.canary?.trafficRouting)
    return [];
  const stable = cluster.services.get('stable');
  const home = decision.status?.stable?.podTemplateHash;
  const ready = ((stable?.['endpoints'] ?? []) as { targetRef: { name: string } }[]).filter(e =>
    e.targetRef.name.startsWith(`shop-${home}-`),
  ).length;
  // Endpoints of a set that was deleted are on their way out.
  const exists = [...cluster.replicaSets.values()].some(set => set.metadata.labels?.[HASH_LABEL] === home);
  const carries =
    exists &&
    stable?.['spec'].selector?.[HASH_LABEL] === home &&
    ready >= enoughToCarryAll(cluster.rollout['spec'].replicas);
  if (!carries || cluster.canaryWeight() <= 0) return [];
  const [first] = decision.actions;
  return first?.type === 'PatchRoute' && first.canaryWeight === 0
    ? []
    : [`an abort begins with ${first?.type ?? 'nothing'}`];
}

/** What becomes stable was declared, fully available, and not aborted before. */
function brokenStable(cluster: SimCluster, decision: Decision): string[] {
  const next = decision.status?.stable?.podTemplateHash;
  const before = cluster.status['stable']?.podTemplateHash;
  if (next === undefined || next === before)
    return before !== undefined && next === undefined ? ['the stable revision is forgotten'] : [];
  if (next !== decision.status?.desired?.podTemplateHash) return ['the stable revision is not what Git declares'];
  const set = [...cluster.replicaSets.values()].find(s => s.metadata.labels?.[HASH_LABEL] === next);
  const broken: string[] = [];
  const replicas = cluster.rollout['spec'].replicas as number;
  if ((set?.['status']?.availableReplicas ?? 0) < replicas) broken.push('promoted without all its pods');
  const held = ((decision.status?.quarantine ?? []) as { podTemplateHash: string }[]).some(
    q => q.podTemplateHash === next,
  );
  if (held) broken.push('promoted out of quarantine');
  return [...broken, ...brokenOutcome(cluster, decision, next)];
}

function brokenConditions(decision: Decision): string[] {
  const isTrue = (type: string) =>
    decision.status?.conditions?.some(c => c.type === type && c.status === 'True') ?? false;
  const claims = ['Ready', 'Reconciling', 'Stalled'].filter(isTrue);
  return claims.length === 1 ? [] : [`conditions that are True at once: ${claims.join(', ')}`];
}

/** All pods of all sets that would serve users now. */
export function availablePods(cluster: SimCluster): number {
  let sum = 0;
  for (const set of cluster.replicaSets.values())
    sum += Math.min(set['status']?.availableReplicas ?? 0, set['spec'].replicas);
  return sum;
}

/** All pods that all sets ask for. */
export function wantedPods(cluster: SimCluster): number {
  return [...cluster.replicaSets.values()].reduce((sum, set) => sum + (set['spec'].replicas as number), 0);
}
