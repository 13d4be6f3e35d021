import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { RIG_USERS } from '../control-plane/users.ts';
import { FaultProxy } from '../fault-proxy/fault-proxy.ts';
import type { Trace } from '../fault-proxy/trace.ts';
import { startOperator } from '../operator-process.ts';
import { type ArmedPlan, armPlan, followsSince } from './arm-plan.ts';
import { type Deeds, deedsOf, eventsTold } from './deeds.ts';
import { type EndState, endStateOf } from './end-state.ts';
import type { MatrixRig } from './matrix-rig.ts';
import type { Plan } from './plan.ts';
import { PlanOperator } from './plan-operator.ts';
import { Stage } from './stage.ts';
import { type Traffic, trafficOf } from './traffic-story.ts';
import type { Workload } from './workloads.ts';

/** How one run went. */
export interface Outcome {
  /** Whether what the plan waits for came at all. */
  readonly struck: boolean;
  readonly endState: EndState;
  readonly deeds: Deeds;
  readonly traffic: Traffic;
  /** Events by reason. */
  readonly events: Readonly<Record<string, number>>;
  /** Index of the first request and event after the prelude. */
  readonly from: { readonly request: number; readonly event: number };
  readonly trace: Trace;
  /** Whether an operator ended by itself. */
  readonly died: boolean;
  readonly ms: number;
  /** Why there is no end state, when the story got stuck; and what the operator said. */
  readonly stuck?: string;
}

/**
 * Nothing is written any more when nobody tried for this long, and no operator began to follow the cluster: a status that
 * only shows may wait for a second.
 */
const QUIET_MS = 2_000;
const PENDING_MS = 15_000;
const STORY_MS = 90_000;
const CALM_MS = 30_000;

/** A namespace, and the operator that looks after it through a proxy of its own. */
interface Scene {
  readonly proxy: FaultProxy;
  readonly operator: PlanOperator;
  readonly stage: Stage;
}

/** Tells a story once, under a plan or without faults, in a namespace of its own with an operator of its own. */
export async function runPlan(rig: MatrixRig, workload: Workload, namespace: string, plan?: Plan): Promise<Outcome> {
  const began = performance.now();
  const scene = await openScene(rig, namespace);
  const { proxy, operator, stage } = scene;
  const told = await tell(scene, workload, plan);
  await operator.kill();
  const changes = stage.history.changes();
  const outcome: Outcome = {
    struck: told.struck,
    endState: endStateOf(stage.history, namespace),
    deeds: deedsOf(changes),
    traffic: trafficOf(changes),
    events: eventsTold(proxy.trace, told.from.request),
    from: told.from,
    trace: proxy.trace,
    died: operator.died,
    ms: Math.round(performance.now() - began),
    ...(told.stuck !== undefined && { stuck: `${told.stuck}\n${operator.logs()}` }),
  };
  await proxy.close();
  // The namespace stays, empty but for Services: to delete one costs the control plane more than the whole story.
  if (stage.rollout) await stage.deleteRollout();
  rig.history.forget(namespace);
  return outcome;
}

async function openScene(rig: MatrixRig, namespace: string): Promise<Scene> {
  const { plane } = rig;
  const proxy = await FaultProxy.before({ server: plane.server, caPem: plane.caPem });
  const folder = join(rig.folder, namespace);
  mkdirSync(folder);
  const kubeconfig = join(folder, 'kubeconfig');
  writeFileSync(kubeconfig, proxy.kubeconfig(RIG_USERS.operator.name, plane.userToken('operator')), { mode: 0o600 });
  const flags = ['--no-leader-election', '--watch-namespace', namespace];
  const operator = new PlanOperator(() => startOperator(kubeconfig, flags, rig.program));
  const stage = new Stage(namespace, rig.history.of(namespace), plane.client, STORY_MS);
  await plane.client.create('/api/v1/namespaces', { metadata: { name: namespace } });
  return { proxy, operator, stage };
}

async function tell(
  scene: Scene,
  workload: Workload,
  plan: Plan | undefined,
): Promise<Pick<Outcome, 'struck' | 'from' | 'stuck'>> {
  const { proxy, operator, stage } = scene;
  let from = { request: 0, event: 0 };
  let armed: ArmedPlan | undefined;
  const struck = () => (plan ? armed?.struck() === true : true);
  try {
    await workload.prelude(stage);
    from = { request: proxy.trace.entries.length, event: proxy.trace.events.length };
    if (plan) armed = armPlan(plan, proxy, operator);
    await workload.story(stage);
    await armed?.ended();
    await calm(scene);
    return { from, struck: struck() };
  } catch (error) {
    return { from, struck: struck(), stuck: error instanceof Error ? error.message : String(error) };
  }
}

/** Waits until the operator follows the cluster and has nothing more to write, and nobody else has. */
async function calm({ proxy, operator, stage }: Scene): Promise<void> {
  const deadline = performance.now() + CALM_MS;
  const lastAt = () => {
    // On a busy machine an answer may take longer than the quiet that is waited for.
    if (proxy.trace.isWriting(PENDING_MS)) return performance.now();
    const followed = followsSince(proxy, operator) ?? performance.now();
    return Math.max(followed, proxy.trace.lastWriteAt() ?? 0, stage.history.lastChangeAt);
  };
  while (performance.now() - lastAt() < QUIET_MS) {
    if (performance.now() > deadline) throw new Error(`writes do not end: ${lastWrites(proxy)}`);
    await sleep(50);
  }
}

function lastWrites({ trace }: FaultProxy): string {
  const writes = trace.entries.filter(({ request }) => request.method !== 'GET').slice(-6);
  return writes.map(({ request, status }) => `${request.method} ${request.path} ${status}`).join('; ');
}
