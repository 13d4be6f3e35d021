import type { KubeObject } from './control-plane/api-client.ts';

/** Where a fake container is in its life. */
export type ContainerState =
  | { readonly is: 'creating' }
  | { readonly is: 'pullFails' }
  | { readonly is: 'running'; readonly ready: boolean; readonly startedAt: string }
  | { readonly is: 'crashed'; readonly finishedAt: string };

/** What the status of a pod is made of. */
export interface PodFacts {
  readonly state: ContainerState;
  readonly restarts: number;
  readonly lastCrashAt: string | undefined;
  readonly podIp: string | undefined;
  readonly hostIp: string;
  /** RFC 3339; used for conditions that change now. */
  readonly now: string;
}

interface Condition {
  type: string;
  status: string;
  lastTransitionTime?: string;
  [field: string]: unknown;
}

/**
 * The status a real kubelet would write. `lastTransitionTime` moves only when a condition changes, since minReadySeconds
 * counts from it. Ready also needs the pod's readiness gates.
 */
export function podStatus(pod: KubeObject, facts: PodFacts): Record<string, unknown> {
  const spec = pod.spec as {
    containers: { name: string; image: string }[];
    readinessGates?: { conditionType: string }[];
  };
  const before = (pod.status ?? {}) as { conditions?: Condition[]; startTime?: string };
  const old = before.conditions ?? [];
  const containersReady = facts.state.is === 'running' && facts.state.ready;
  const gates = spec.readinessGates ?? [];
  const gatesPass = gates.every(gate => old.some(one => one.type === gate.conditionType && one.status === 'True'));
  const names = spec.containers.map(container => container.name).join(' ');
  const notReady = { reason: 'ContainersNotReady', message: `containers with unready status: [${names}]` };
  const gateNotReady = {
    reason: 'ReadinessGatesNotReady',
    message: 'corresponding condition of pod readiness gate is not "True"',
  };
  const condition = (type: string, good: boolean, why: { reason: string; message: string } | undefined): Condition => {
    const status = good ? 'True' : 'False';
    const same = old.find(one => one.type === type && one.status === status);
    const { reason, message } = good ? {} : { ...why };
    return {
      type,
      status,
      lastTransitionTime: same?.lastTransitionTime ?? facts.now,
      reason: reason ?? null,
      message: message ?? null,
    };
  };
  const ready = containersReady && gatesPass;
  return {
    phase: facts.state.is === 'creating' || facts.state.is === 'pullFails' ? 'Pending' : 'Running',
    hostIP: facts.hostIp,
    hostIPs: [{ ip: facts.hostIp }],
    ...(facts.podIp !== undefined && { podIP: facts.podIp, podIPs: [{ ip: facts.podIp }] }),
    startTime: before.startTime ?? facts.now,
    conditions: [
      condition('PodReadyToStartContainers', facts.podIp !== undefined, undefined),
      condition('Initialized', true, undefined),
      condition('Ready', ready, containersReady ? gateNotReady : notReady),
      condition('ContainersReady', containersReady, notReady),
      condition('PodScheduled', true, undefined),
    ],
    containerStatuses: spec.containers.map(({ name, image }) => containerStatus(name, image, facts)),
  };
}

function containerStatus(name: string, image: string, facts: PodFacts): Record<string, unknown> {
  const { state, restarts, lastCrashAt } = facts;
  const exit = (finishedAt: string) => ({
    terminated: { exitCode: 1, reason: 'Error', finishedAt, startedAt: finishedAt },
  });
  return {
    name,
    image,
    imageID: state.is === 'creating' || state.is === 'pullFails' ? '' : `rig.invalid/${name}@sha256:${'0'.repeat(64)}`,
    ...(state.is === 'running' || state.is === 'crashed' ? { containerID: `rig://${name}-${restarts}` } : {}),
    restartCount: restarts,
    started: state.is === 'running',
    ready: state.is === 'running' && state.ready,
    state: stateOf(name, image, state),
    lastState: lastCrashAt === undefined ? {} : exit(lastCrashAt),
  };
}

function stateOf(name: string, image: string, state: ContainerState): Record<string, unknown> {
  switch (state.is) {
    case 'creating':
      return { waiting: { reason: 'ContainerCreating' } };
    case 'pullFails':
      return { waiting: { reason: 'ImagePullBackOff', message: `Back-off pulling image "${image}"` } };
    case 'running':
      return { running: { startedAt: state.startedAt } };
    case 'crashed':
      return { waiting: { reason: 'CrashLoopBackOff', message: `back-off restarting failed container ${name}` } };
  }
}
