import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { RIG_USERS } from '../control-plane/users.ts';
import { FaultProxy } from '../fault-proxy/fault-proxy.ts';
import type { ProxyRule } from '../fault-proxy/proxy-plan.ts';
import { startOperator } from '../operator-process.ts';
import { type ArmedPlan, armPlan, followsSince } from './arm-plan.ts';
import { QUIET_MS, untilCalm } from './calm.ts';
import { type EndState, endStateOf } from './end-state.ts';
import type { MatrixRig } from './matrix-rig.ts';
import { type Ending, type Outcome, outcomeOf } from './outcome.ts';
import type { Plan } from './plan.ts';
import { PlanOperator } from './plan-operator.ts';
import { Stage } from './stage.ts';
import type { Workload } from './workloads.ts';

const STORY_MS = 90_000;
const BETWEEN_MS = 700;
const SETTLES_MS = 8_000;

/** How to tell a story; without a plan there are no faults. */
export interface Telling {
  readonly plan?: Plan | undefined;
  /** Something that no plan does, from when the story begins. */
  readonly rule?: ProxyRule | undefined;
  /** Whether nothing is to come any more when this is how things are. */
  readonly isEnd?: (state: EndState) => boolean;
}

/** A namespace, and the operator that looks after it through a proxy of its own. */
interface Scene {
  readonly proxy: FaultProxy;
  readonly operator: PlanOperator;
  readonly stage: Stage;
}

/** Tells a story once, under a plan or without faults, in a namespace of its own with an operator of its own. */
export async function runPlan(
  rig: MatrixRig,
  workload: Workload,
  namespace: string,
  { plan, rule, isEnd = () => true }: Telling = {},
): Promise<Outcome> {
  const began = performance.now();
  const scene = await openScene(rig, namespace);
  const { proxy, operator, stage } = scene;
  const { stuck, ...told } = await tell(scene, workload, { plan, rule });
  if (stuck === undefined) await untilEnd(stage, isEnd);
  const awayMs =
    operator.killedAt === undefined ? 0 : (followsSince(proxy, operator) ?? performance.now()) - operator.killedAt;
  await operator.kill();
  const outcome = outcomeOf(scene, began, {
    ...told,
    died: operator.died,
    awayMs: Math.round(awayMs),
    ...(stuck !== undefined && { stuck: `${stuck}\n${operator.logs()}` }),
  });
  await proxy.close();
  // The namespace stays, empty but for Services: to delete one costs the control plane more than the whole story.
  if (stage.rollout) await stage.deleteRollout();
  rig.history.forget(namespace);
  return outcome;
}

/** A slow machine may take its time to store a status that only shows; what it never stores is for the judge. */
async function untilEnd(stage: Stage, isEnd: (state: EndState) => boolean): Promise<void> {
  const deadline = performance.now() + SETTLES_MS;
  while (!isEnd(endStateOf(stage.history, stage.namespace)) && performance.now() < deadline) await sleep(100);
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

async function tell(scene: Scene, workload: Workload, { plan, rule }: Telling): Promise<Omit<Ending, 'died'>> {
  const { proxy, operator, stage } = scene;
  let from = { request: 0, event: 0 };
  let armed: ArmedPlan | undefined;
  const struck = () => (plan ? armed?.struck() === true : true);
  try {
    await workload.prelude(stage);
    // What the prelude leaves behind must not count as the story's, nor what an operator takes for missing that is just starting.
    await untilCalm(scene, { quietMs: BETWEEN_MS, followsSince: () => followsSince(proxy, operator) });
    from = { request: proxy.trace.entries.length, event: proxy.trace.events.length };
    if (plan) armed = armPlan(plan, proxy, operator);
    if (rule) proxy.inject(rule);
    await workload.story(stage);
    await armed?.ended();
    await untilCalm(scene, { quietMs: QUIET_MS, followsSince: () => followsSince(proxy, operator) });
    return { from, struck: struck() };
  } catch (error) {
    return { from, struck: struck(), stuck: error instanceof Error ? error.message : String(error) };
  }
}
