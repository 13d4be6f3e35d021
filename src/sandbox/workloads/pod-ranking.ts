import type { Pod } from './workload-objects.ts';
import { isPodReady } from './workload-objects.ts';

const PHASES: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 };
const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost';

/**
 * Which of two pods goes first when there are too many, in the order of kube-controller-manager (ActivePodsWithRanks): without a
 * node, pending, not ready, lower deletion cost, ready for a shorter time, more restarts, newer. Negative: `a` first.
 */
export function compareForDeletion(a: Pod, b: Pod): number {
  return (
    Number(a.spec.nodeName !== undefined) - Number(b.spec.nodeName !== undefined) ||
    (PHASES[a.status?.phase ?? 'Pending'] ?? 1) - (PHASES[b.status?.phase ?? 'Pending'] ?? 1) ||
    Number(isPodReady(a)) - Number(isPodReady(b)) ||
    deletionCost(a) - deletionCost(b) ||
    readySince(b).localeCompare(readySince(a)) ||
    restarts(b) - restarts(a) ||
    (b.metadata.creationTimestamp ?? '').localeCompare(a.metadata.creationTimestamp ?? '') ||
    b.metadata.name.localeCompare(a.metadata.name)
  );
}

function deletionCost(pod: Pod): number {
  const cost = Number(pod.metadata.annotations?.[DELETION_COST] ?? 0);
  return Number.isFinite(cost) ? cost : 0;
}

function readySince(pod: Pod): string {
  return isPodReady(pod)
    ? (pod.status?.conditions?.find(condition => condition.type === 'Ready')?.lastTransitionTime ?? '')
    : '';
}

function restarts(pod: Pod): number {
  return Math.max(0, ...(pod.status?.containerStatuses ?? []).map(status => status.restartCount ?? 0));
}
