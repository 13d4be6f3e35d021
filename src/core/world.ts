import type { Command } from '../api/commands.ts';
import type { RolloutSpec } from '../api/rollout.ts';
import type { RevisionRef, RolloutStatus } from '../api/rollout-status.ts';
import { pendingCommand } from './pending-command.ts';
import { type ReplicaSetView, viewReplicaSet } from './replica-set-view.ts';
import { revisionHash } from './revision-hash.ts';
import { type BoundRouter, bindRouter } from './router.ts';
import { selectorIssue } from './selector.ts';
import { type ServiceView, viewService } from './service-view.ts';
import type { Snapshot } from './snapshot.ts';
import { readStatus } from './spec-reader.ts';

/** A snapshot, interpreted once: what the phases of a decision read. */
export interface World {
  readonly snapshot: Snapshot;
  /** Epoch milliseconds. */
  readonly now: number;
  readonly name: string;
  readonly spec: RolloutSpec;
  readonly stored: RolloutStatus | undefined;
  readonly replicas: number;
  /** Identity of the template that Git declares. */
  readonly hash: string;
  readonly stable: RevisionRef | undefined;
  readonly sets: readonly ReplicaSetView[];
  readonly newSet: ReplicaSetView | undefined;
  readonly stableSet: ReplicaSetView | undefined;
  /** Sets that are neither of the desired nor of the stable revision. */
  readonly olderSets: readonly ReplicaSetView[];
  readonly router: BoundRouter | undefined;
  /** The command that is not acknowledged yet. */
  readonly command: Command | undefined;
  readonly malformedCommand: string | undefined;
  /** Why the selector is not followed: it is not that of the pods that serve. Nothing new is made by it; all else goes on. */
  readonly selectorIssue: string | undefined;
  service(name: string | undefined): ServiceView | undefined;
}

export function interpret(snapshot: Snapshot, spec: RolloutSpec, now: number): World {
  const { rollout } = snapshot;
  const stored = readStatus(rollout);
  const hash = revisionHash(spec.template ?? {});
  const sets = snapshot.replicaSets.map(set => viewReplicaSet(set, stored?.scaleDowns)).filter(set => !set.deleting);
  const stable = stored?.stable;
  const { command, malformed } = pendingCommand(rollout.metadata.annotations, stored?.lastCommand);
  const services = new Map<string, ServiceView>();
  const changed = selectorIssue(spec, stored);
  const carried = changed === undefined ? (spec.selector?.matchLabels ?? {}) : {};
  return {
    snapshot,
    now,
    name: rollout.metadata.name,
    spec,
    stored,
    replicas: spec.replicas ?? 1,
    hash,
    stable,
    sets,
    newSet: newestOf(sets, hash),
    stableSet: stable ? newestOf(sets, stable.podTemplateHash) : undefined,
    olderSets: sets.filter(set => set.hash !== hash && set.hash !== stable?.podTemplateHash),
    router: spec.strategy.canary ? bindRouter(spec.strategy.canary, snapshot) : undefined,
    command,
    malformedCommand: malformed,
    selectorIssue: changed,
    service(name) {
      if (name === undefined) return undefined;
      const view = services.get(name) ?? viewService(name, snapshot, carried);
      services.set(name, view);
      return view;
    },
  };
}

/** Pods are traffic: a canary that no router steers. */
export function withoutRouter({ spec: { strategy } }: World): boolean {
  return strategy.canary !== undefined && strategy.canary.trafficRouting === undefined;
}

/** Two sets of one hash can exist after a collision; the one with pods, then the younger, is meant. */
function newestOf(sets: readonly ReplicaSetView[], hash: string): ReplicaSetView | undefined {
  let best: ReplicaSetView | undefined;
  for (const set of sets) {
    if (set.hash !== hash) continue;
    if (!best || set.spec > best.spec || (set.spec === best.spec && set.createdAt > best.createdAt)) best = set;
  }
  return best;
}

/** Images of a pod template, for people. */
export function imagesOf(template: unknown): string[] {
  const containers = (template as { spec?: { containers?: unknown } } | undefined)?.spec?.containers;
  if (!Array.isArray(containers)) return [];
  return containers.flatMap(c =>
    typeof (c as { image?: unknown } | null)?.image === 'string' ? [(c as { image: string }).image] : [],
  );
}
