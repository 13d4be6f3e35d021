import type { AnalysisRunStatus } from '../../src/api/analysis-run.ts';
import { type AnalysisUse, analysisTemplateSpecSchema } from '../../src/api/analysis-template.ts';
import { durationMs } from '../../src/api/duration.ts';
import { HASH_LABEL } from '../../src/api/names.ts';
import type { RolloutStatus } from '../../src/api/rollout-status.ts';
import type { CanaryStep } from '../../src/api/rollout-steps.ts';
import type { Decision } from '../../src/core/decision.ts';
import { documentHash } from '../../src/core/revision-hash.ts';
import { templateKey } from '../../src/core/snapshot.ts';
import type { SimCluster } from './sim-cluster.ts';

/*
 * What a revision has to go through before it serves and before it is stable, told from the world and the spec alone.
 */

const VERIFIED = ['Promoted', 'FastPromoted', 'FirstDeploy'];

/** Whether the way that a revision became stable is the one that the history names. */
export function brokenOutcome(cluster: SimCluster, decision: Decision, hash: string): string[] {
  const before = cluster.status as Partial<RolloutStatus>;
  const [delivery] = decision.status?.history ?? [];
  if (delivery?.podTemplateHash !== hash) return ['the stable revision is not the newest of the history'];
  if (delivery.outcome === 'FirstDeploy') return before.stable ? ['a second first deploy'] : [];
  if (delivery.outcome === 'FastPromoted')
    return isExcused(cluster, decision, hash) ? [] : ['promoted without a trial'];
  if (delivery.outcome !== 'Promoted') return [`promoted as ${delivery.outcome}`];
  const { analysis } = cluster.rollout['spec'].strategy.canary ?? {};
  if (!analysis || hasSucceeded(cluster, `${trialBase(cluster, hash)}-bg`, analysis)) return [];
  return isPerson(cluster, decision) ? [] : ['promoted without one success of the background analysis'];
}

/** A person asked for everything at once, or this template was verified before. */
function isExcused(cluster: SimCluster, decision: Decision, hash: string): boolean {
  const before = cluster.status as Partial<RolloutStatus>;
  const command = newCommand(cluster, decision);
  return before.promoteFull?.podTemplateHash === hash || command?.verb === 'promote-full' || wasVerified(before, hash);
}

function wasVerified(before: Partial<RolloutStatus>, hash: string): boolean {
  return (before.history ?? []).some(one => one.podTemplateHash === hash && VERIFIED.includes(one.outcome));
}

/** The command that this pass carries out. */
function newCommand(cluster: SimCluster, decision: Decision): RolloutStatus['lastCommand'] {
  const command = decision.status?.lastCommand;
  return command?.id === cluster.status['lastCommand']?.id ? undefined : command;
}

/** A person promotes past what waits for one, in this pass. */
function isPerson(cluster: SimCluster, decision: Decision): boolean {
  const command = newCommand(cluster, decision);
  return command?.verb === 'promote' && command.outcome === 'promoted';
}

/** What the names of a trial's runs begin with. */
function trialBase(cluster: SimCluster, hash: string): string {
  const { canary, attempt } = cluster.status as Partial<RolloutStatus>;
  return `shop-${hash}-${canary?.revision}-${attempt ?? 1}`;
}

/** Whether a run of that name, or one that followed it, has a success of every metric that its templates name. */
function hasSucceeded(cluster: SimCluster, name: string, use: AnalysisUse): boolean {
  const runs = [...cluster.runs.values()].filter(
    run => run.metadata.name === name || run.metadata.name.startsWith(`${name}-`),
  );
  return runs.some(run => {
    const { phase, metricResults = [] } = (run['status'] ?? {}) as Partial<AnalysisRunStatus>;
    const metrics = (run['spec'].metrics ?? []) as { name: string }[];
    const good = metrics.every(metric => metricResults.some(r => r.name === metric.name && r.successful > 0));
    return use.templates.length > 0 && metrics.length > 0 && good && phase !== 'Failed' && phase !== 'Error';
  });
}

/** Every step that a pass leaves behind was done in this trial, as the world shows; a person may skip one. */
export function brokenPassage(cluster: SimCluster, decision: Decision): string[] {
  const before = cluster.status as Partial<RolloutStatus>;
  const after = decision.status;
  const { canary, blueGreen } = cluster.rollout['spec'].strategy;
  const promotes = after?.stable && before.stable && after.stable.podTemplateHash !== before.stable.podTemplateHash;
  const hash = promotes ? after.stable?.podTemplateHash : after?.canary?.podTemplateHash;
  if (!after || hash === undefined || after.phase === 'Aborted') return [];
  const [delivery] = after.history ?? [];
  const full =
    after.promoteFull?.podTemplateHash === hash ||
    (promotes && delivery?.outcome === 'FastPromoted') ||
    (blueGreen && wasVerified(before, hash));
  const steps: readonly unknown[] = canary ? (canary.steps ?? []) : BLUE_GREEN_STATIONS;
  if (!promotes && steps.length > 0 && after.step?.total === 0)
    return isExcused(cluster, decision, hash) ? [] : ['all steps are skipped'];
  if (full) return isExcused(cluster, decision, hash) ? [] : ['promoted in full without anybody asking'];
  const declared = canary?.analysis ? { steps, gates: [canary.analysis] } : steps;
  const { verb, outcome = '' } = newCommand(cluster, decision) ?? {};
  const retried = (verb === 'retry' || verb === 'release-quarantine') && /^(trying|released)/.test(outcome);
  const same =
    before.canary?.podTemplateHash === hash &&
    before.trialStartedAt !== undefined &&
    !retried &&
    (promotes || after.trialStartedAt === before.trialStartedAt) &&
    (!canary || before.step?.stepsHash === documentHash(declared));
  const from = same ? (before.step?.index ?? 0) : 0;
  const to = promotes ? steps.length : (after.step?.index ?? 0);
  let skips = isPerson(cluster, decision) ? 1 : 0;
  const broken: string[] = [];
  for (let index = from; index < to; index++) {
    const since = same && index === from ? Date.parse(before.step?.startedAt ?? '') : cluster.now;
    const done = canary
      ? isStepDone(cluster, hash, steps[index] as CanaryStep, index, since)
      : isStationDone(cluster, hash, blueGreen, index, since);
    if (!done && skips-- <= 0) broken.push(`step ${index + 1} of ${steps.length} is passed and was not done`);
  }
  return broken;
}

const BLUE_GREEN_STATIONS = ['preview', 'before', 'wait', 'scale', 'switch', 'after'];

function isStepDone(cluster: SimCluster, hash: string, step: CanaryStep, index: number, since: number): boolean {
  if (step.pause)
    return step.pause.duration !== undefined && since + (durationMs(step.pause.duration) ?? 0) <= cluster.now;
  if (step.analysis) return isPassed(cluster, `${trialBase(cluster, hash)}-${index}`, step.analysis);
  if (step.setCanaryScale?.replicas !== undefined) return availableOf(cluster, hash) >= step.setCanaryScale.replicas;
  const routed = cluster.rollout['spec'].strategy.canary.trafficRouting !== undefined;
  const shows = cluster.services.get('canary')?.['spec'].selector?.[HASH_LABEL] === hash;
  if (step.setWeight !== undefined && routed)
    return cluster.canaryWeight() === step.setWeight && (shows || step.setWeight === 0);
  return step.setWeight === 0 || availableOf(cluster, hash) > 0;
}

function isStationDone(
  cluster: SimCluster,
  hash: string,
  blueGreen: Record<string, any>,
  index: number,
  since: number,
): boolean {
  const replicas = cluster.rollout['spec'].replicas as number;
  const base = trialBase(cluster, hash);
  switch (BLUE_GREEN_STATIONS[index]) {
    case 'preview':
      return availableOf(cluster, hash) >= Math.min(replicas, blueGreen['previewReplicaCount'] ?? replicas);
    case 'before':
      return !blueGreen['prePromotionAnalysis'] || isPassed(cluster, `${base}-pre`, blueGreen['prePromotionAnalysis']);
    case 'wait':
      return (
        blueGreen['autoPromotionEnabled'] !== false &&
        since + (blueGreen['autoPromotionSeconds'] ?? 0) * 1000 <= cluster.now
      );
    case 'scale':
      return availableOf(cluster, hash) >= replicas;
    case 'switch':
      return cluster.services.get('active')?.['spec'].selector?.[HASH_LABEL] === hash;
    default:
      return (
        !blueGreen['postPromotionAnalysis'] || isPassed(cluster, `${base}-post`, blueGreen['postPromotionAnalysis'])
      );
  }
}

function isPassed(cluster: SimCluster, run: string, use: AnalysisUse): boolean {
  return cluster.runs.get(run)?.['status']?.phase === 'Successful' && hasSucceeded(cluster, run, use);
}

function availableOf(cluster: SimCluster, hash: string): number {
  const set = [...cluster.replicaSets.values()].find(one => one.metadata.labels?.[HASH_LABEL] === hash);
  return set?.['status']?.availableReplicas ?? 0;
}

/** Templates that a trial has still to use, and that are missing or cannot be read: users must not get there. */
export function ungated(cluster: SimCluster, decision: Decision): string[] {
  const { canary, blueGreen } = cluster.rollout['spec'].strategy;
  const { status } = decision;
  const hash = status?.canary?.podTemplateHash;
  if (!status || hash === undefined || status.promoteFull?.podTemplateHash === hash || status.step?.total === 0)
    return [];
  // A verified revision that comes back is not analysed again.
  if (blueGreen && wasVerified(cluster.status, hash)) return [];
  const index = status.step?.index ?? 0;
  const base = `shop-${hash}-${status.canary?.revision}-${status.attempt ?? 1}`;
  const uses: [string, AnalysisUse | undefined][] = canary
    ? [
        [`${base}-bg`, canary.analysis],
        ...((canary.steps ?? []) as CanaryStep[]).flatMap((step, i): [string, AnalysisUse | undefined][] =>
          i >= index ? [[`${base}-${i}`, step.analysis]] : [],
        ),
      ]
    : [
        [`${base}-pre`, index <= 1 ? blueGreen.prePromotionAnalysis : undefined],
        [`${base}-post`, index <= 5 ? blueGreen.postPromotionAnalysis : undefined],
      ];
  return uses.flatMap(([run, use]) => {
    // A run that has begun carries a copy of its templates.
    if ([...cluster.runs.keys()].some(name => name === run || name.startsWith(`${run}-`))) return [];
    return (use?.templates ?? []).flatMap(({ templateName, clusterScope }) => {
      const object = cluster.templates.get(templateKey(templateName, clusterScope));
      return analysisTemplateSpecSchema.safeParse(object?.['spec']).success ? [] : [`a template for ${run}`];
    });
  });
}

/** Users are moved to the new set of a blue-green Rollout only when all of its analyses can be run. */
export function brokenSwitch(cluster: SimCluster, decision: Decision): string[] {
  const { blueGreen } = cluster.rollout['spec'].strategy;
  const hash = decision.status?.canary?.podTemplateHash;
  const switches = decision.actions.some(
    action =>
      action.type === 'SelectRevision' &&
      action.service === blueGreen?.activeService &&
      action.podTemplateHash === hash,
  );
  return switches ? ungated(cluster, decision).map(name => `users are switched without ${name}`) : [];
}

/** Without a router a pod of the canary is its weight: it gets none before all of its analyses can be run. */
export function ungatedShares(cluster: SimCluster, decision: Decision): string[] {
  const { canary } = cluster.rollout['spec'].strategy;
  if (!canary || canary.trafficRouting) return [];
  return decision.actions.flatMap(action => {
    if (action.type !== 'ScaleReplicaSet' || action.to <= action.from) return [];
    const hash = cluster.replicaSets.get(action.target.name)?.metadata.labels?.[HASH_LABEL];
    if (hash !== decision.status?.canary?.podTemplateHash) return [];
    return ungated(cluster, decision).map(name => `the share of the canary rises without ${name}`);
  });
}
