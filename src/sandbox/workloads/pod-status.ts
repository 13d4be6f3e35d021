import type { ContainerState } from './pod-runtime.ts';
import type { ContainerSpec, Pod, StatusCondition } from './workload-objects.ts';

/** What the status of a pod is made of. */
export interface PodFacts {
  readonly state: ContainerState;
  readonly restarts: number;
  readonly lastCrash: Extract<ContainerState, { is: 'crashed' }> | undefined;
  readonly podIp: string;
  /** RFC 3339, for conditions that change now. */
  readonly now: string;
}

const HOST_IP = '127.0.0.1';

/**
 * The status that a kubelet writes. All containers of a pod live and die together here. `lastTransitionTime` moves only when a
 * condition changes, since minReadySeconds counts from it. Conditions of others (readiness gates) are kept, and Ready needs them.
 */
export function podStatus(pod: Pod, facts: PodFacts): Record<string, unknown> {
  const old = pod.status?.conditions ?? [];
  const containersReady = facts.state.is === 'running' && facts.state.ready;
  const gates = (pod.spec.readinessGates ?? []) as readonly { readonly conditionType: string }[];
  const gatesPass = gates.every(gate => old.some(one => one.type === gate.conditionType && one.status === 'True'));
  const names = pod.spec.containers.map(container => container.name).join(' ');
  const notReady = { reason: 'ContainersNotReady', message: `containers with unready status: [${names}]` };
  const gateNotReady = {
    reason: 'ReadinessGatesNotReady',
    message: 'corresponding condition of pod readiness gate is not "True"',
  };
  const condition = (type: string, good: boolean, why?: { reason: string; message: string }): StatusCondition => {
    const status = good ? 'True' : 'False';
    const same = old.find(one => one.type === type && one.status === status);
    return { type, status, lastTransitionTime: same?.lastTransitionTime ?? facts.now, ...(good ? {} : why) };
  };
  const own = [
    condition('PodScheduled', true),
    condition('Initialized', true),
    condition('ContainersReady', containersReady, notReady),
    condition('Ready', containersReady && gatesPass, containersReady ? gateNotReady : notReady),
  ];
  const foreign = old.filter(one => !own.some(mine => mine.type === one.type));
  const pending = facts.state.is === 'creating' || facts.state.is === 'noImage';
  return {
    phase: pending ? 'Pending' : 'Running',
    hostIP: HOST_IP,
    hostIPs: [{ ip: HOST_IP }],
    podIP: facts.podIp,
    podIPs: [{ ip: facts.podIp }],
    startTime: pod.status?.startTime ?? facts.now,
    qosClass: 'BestEffort',
    conditions: [...own, ...foreign],
    containerStatuses: pod.spec.containers.map(container => containerStatus(container, facts)),
  };
}

function containerStatus({ name, image = '' }: ContainerSpec, facts: PodFacts): Record<string, unknown> {
  const { state, restarts, lastCrash } = facts;
  const exists = state.is === 'running' || state.is === 'crashed';
  return {
    name,
    image,
    imageID: exists ? `sandbox/${image}` : '',
    ...(exists ? { containerID: `sandbox://${name}-${restarts}` } : {}),
    restartCount: restarts,
    started: state.is === 'running',
    ready: state.is === 'running' && state.ready,
    state: stateOf(name, state),
    lastState: lastCrash === undefined ? {} : { terminated: exit(lastCrash) },
  };
}

function exit(crash: Extract<ContainerState, { is: 'crashed' }>): Record<string, unknown> {
  return { exitCode: 1, reason: 'Error', startedAt: crash.startedAt, finishedAt: crash.finishedAt };
}

function stateOf(name: string, state: ContainerState): Record<string, unknown> {
  switch (state.is) {
    case 'creating':
      return { waiting: { reason: 'ContainerCreating' } };
    case 'noImage':
      return { waiting: { reason: state.reason, message: state.message } };
    case 'running':
      return { running: { startedAt: state.startedAt } };
    case 'crashed':
      return { waiting: { reason: 'CrashLoopBackOff', message: `back-off restarting failed container ${name}` } };
  }
}
