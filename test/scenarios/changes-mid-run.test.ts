import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { RIG_USERS } from '../support/control-plane/users.ts';
import { describeOnRig, SCENARIO_MS } from '../support/rig/describe-on-rig.ts';
import { expectBackOnStable, isPausedAndMeasured as isPaused, weightsSince } from '../support/rig/expect-team.ts';
import type { Rig } from '../support/rig/rig.ts';
import { gateOf, routeOf, successRate } from '../support/rig/shop-manifests.ts';
import type { Team } from '../support/rig/team.ts';
import {
  accepted,
  countEvents,
  eventWrites,
  expectTold,
  HALFWAY,
  halfway,
  isPromoted,
  operatorWrites,
  QUIET_MS,
} from './scene.ts';

/** A pause in the middle of which the next revision comes. */
const PAUSE_MS = 6_000;

/** Applies a team's route as Git has it, once a second, as a GitOps tool without an ignore rule does. */
function applyRouteEverySecond({ plane }: Rig, team: Team, canaryWeight: number): { stop(): Promise<number> } {
  const path = `/apis/gateway.networking.k8s.io/v1/namespaces/${team.name}/httproutes/shop?fieldManager=gitops&force=true`;
  let going = true;
  let applied = 0;
  const loop = (async () => {
    for (; going; applied++) {
      await plane.client.patch(path, 'apply', routeOf(team.name, canaryWeight));
      await sleep(1_000);
    }
  })();
  // A failure is that of who stops it.
  loop.catch(() => undefined);
  return {
    stop: async () => {
      going = false;
      await loop;
      return applied;
    },
  };
}

const routeWrites = (rig: Rig, team: Team, sinceMs: number) =>
  operatorWrites(rig, team, sinceMs).filter(({ resource }) => resource === 'httproutes');

/** Without a source of metrics it acts where the number of replicas is out of its range, and nowhere else. */
const autoscalerOf = ({ name: namespace }: Team, minReplicas: number, maxReplicas: number) => ({
  apiVersion: 'autoscaling/v2',
  kind: 'HorizontalPodAutoscaler',
  metadata: { name: 'shop', namespace },
  spec: {
    scaleTargetRef: { apiVersion: 'sluice.dev/v1alpha1', kind: 'Rollout', name: 'shop' },
    ...{ minReplicas, maxReplicas },
    metrics: [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } }],
  },
});

/** Changes the range of the autoscaler: it asks for other replicas, once, and the operator follows it to that many pods in all. */
async function scaleByRange(rig: Rig, team: Team, range: readonly [number, number], pods: number): Promise<void> {
  const sinceMs = Date.now();
  await team.apply(autoscalerOf(team, ...range));
  await team.untilStatus(`${pods} pods`, status => status['replicas'] === pods && status['readyReplicas'] === pods);
  const user = RIG_USERS.controllerManager.name;
  const asked = rig.plane.auditEntries({ user, namespace: team.name, writes: true, sinceMs });
  const [scaling, ...more] = accepted(asked, 'rollouts/scale');
  expect(scaling).toMatchObject({ verb: 'update', name: 'shop' });
  expect(more).toEqual([]);
  const sized = accepted(operatorWrites(rig, team, sinceMs), 'replicasets');
  expect(sized.length).toBeGreaterThan(0);
  expect(sized.filter(({ atMs }) => atMs < (scaling?.atMs ?? 0))).toEqual([]);
}

/** What the autoscaler reads of the Rollout is what there is: it gets as far as to miss the metrics of these very pods. */
async function expectReadable({ plane }: Rig, team: Team, replicas: number, pods: number): Promise<void> {
  const path = `/apis/sluice.dev/v1alpha1/namespaces/${team.name}/rollouts/shop/scale`;
  expect(await plane.client.get(path)).toMatchObject({
    spec: { replicas },
    status: { replicas: pods, selector: 'app=shop' },
  });
  const selected = async () => (await team.kubectl('get', 'pods', '-l', 'app=shop', '-o', 'name')).split('\n').length;
  await team.until(`it selects ${pods} pods, and none that leaves`, async () => (await selected()) === pods);
  const seen = async () => JSON.parse(await team.kubectl('get', 'hpa', 'shop', '-o', 'jsonpath={.status}'));
  await team.until('the autoscaler misses metrics', async () => {
    const { currentReplicas, conditions = [] } = await seen();
    const reasons = Object.fromEntries(conditions.map(({ type, reason }: Record<string, string>) => [type, reason]));
    return currentReplicas === replicas && reasons['ScalingActive'] === 'FailedGetResourceMetric';
  });
  expect((await seen()).conditions).toContainEqual(expect.objectContaining({ type: 'AbleToScale', status: 'True' }));
}

/** The canary is the third revision now: from the first step on, and through 0 %, and the second one was never stable. */
async function expectThirdFromTheStart(team: Team, sinceMs: number): Promise<void> {
  const seen = team.sightings().filter(({ status }) => status.canary?.revision === 3);
  expect(seen[0]?.status).toMatchObject({ stable: { revision: 1 }, desired: { revision: 3 } });
  expect(seen[0]?.status.step?.index ?? 0).toBe(0);
  expect(team.sightings().filter(({ status }) => status.stable?.revision === 2)).toEqual([]);
  expect(weightsSince(team, sinceMs)[0]).toBe(0);
  expect(await team.column('.status.history[*].outcome')).toBe('Promoted Superseded FirstDeploy');
}

/** A way to pause a Rollout for as long as one likes, whatever its steps say, and to let it go on. */
interface Brake {
  readonly how: string;
  readonly name: string;
  readonly reason: string;
  /** What a promotion is answered meanwhile. */
  readonly answer: string;
  readonly pause: (team: Team) => Promise<unknown>;
  readonly resume: (team: Team) => Promise<unknown>;
}

const BRAKES: readonly Brake[] = [
  {
    ...{ how: 'in its spec', name: 'next-in-spec-pause', reason: 'PausedBySpec' },
    answer: 'refused: spec.paused is declared in Git; change it there',
    pause: team => team.release({ tag: '1.1.0', spec: { paused: true } }),
    resume: team => team.release({ tag: '1.2.0', spec: { paused: false } }),
  },
  {
    ...{ how: 'by command', name: 'next-in-command-pause', reason: 'PausedByCommand' },
    answer: 'refused: the rollout is paused by command; send resume',
    pause: team => team.command('pause'),
    resume: team => team.command('resume'),
  },
];

/** When the weights that were given since a moment came to the route; the last time, where one came twice. */
function timesOf(team: Team, sinceMs: number): ReadonlyMap<number, number> {
  const marks = team.timeline.marks();
  const changes = marks.filter(({ canaryWeight }, index) => canaryWeight !== marks[index - 1]?.canaryWeight);
  return new Map(changes.filter(({ atMs }) => atMs >= sinceMs).map(({ canaryWeight, atMs }) => [canaryWeight, atMs]));
}

/** An AnalysisRun as far as it is looked at. */
interface Run {
  readonly metadata: { readonly creationTimestamp: string };
  readonly status: { readonly message?: string; readonly metricResults: readonly [{ readonly count: number }] };
}

const createdMs = ({ metadata }: Run) => Date.parse(metadata.creationTimestamp);

describeOnRig(
  'a canary whose surroundings change in the middle of its trial',
  rig => {
    it.concurrent(
      'tells once that somebody else keeps writing its weights, does not fight, and can still be aborted',
      async () => {
        const { team, client } = await halfway(rig(), 'fight');
        const sinceMs = Date.now();
        const git = applyRouteEverySecond(rig(), team, 0);
        await team.untilStatus('told', status => status.display?.reason === 'RouteConflict');
        await team.until('it went on for 15 s', () => Date.now() > sinceMs + 15_000);
        // It corrects, and gives in after five times in a minute.
        const writes = routeWrites(rig(), team, sinceMs).length;
        expect(writes).toBeGreaterThanOrEqual(2);
        expect(writes).toBeLessThanOrEqual(8);
        expect(await countEvents(team, 'RouteConflict')).toBe(1);
        // It waits for a person all along, who was told so once.
        expect([await countEvents(team, 'Paused'), await countEvents(team, 'Resumed')]).toEqual([1, 0]);
        // Each loss of the weight and each correction of it may be told, and nothing once it has given in.
        expect(eventWrites(rig(), team, sinceMs).length).toBeLessThanOrEqual(2 * writes + 2);
        const all = rig().plane.auditEntries({ user: RIG_USERS.operator.name, namespace: team.name, sinceMs });
        expect(all.length).toBeLessThan(100);

        await team.command('abort');
        await team.untilStatus('aborted', status => status.phase === 'Aborted');
        await expectBackOnStable(team, 'AbortedByCommand');
        expect(await git.stop()).toBeGreaterThan(10);
        // Long enough for the shares that are left in the end to be counted.
        await sleep(QUIET_MS);
        await client.check();
        await expectTold(team, 'Aborted');
        await team.stop();
      },
      SCENARIO_MS,
    );

    it.concurrent(
      'is taken off the route again each time that somebody puts it back after an abort',
      async () => {
        const { team, client } = await halfway(rig(), 'putback');
        await team.command('abort');
        await team.untilStatus('aborted', status => status.phase === 'Aborted');
        await expectBackOnStable(team, 'AbortedByCommand');
        const sinceMs = Date.now();
        const git = applyRouteEverySecond(rig(), team, 50);
        await sleep(5_000);
        const applied = await git.stop();
        await team.until('at 0 % again', async () => (await team.weight()) === 0, 10_000);
        const marks = team.timeline.marks().filter(mark => mark.atMs >= sinceMs);
        const changed = marks.filter((mark, index) => mark.canaryWeight !== marks[index - 1]?.canaryWeight);
        expect(changed.filter(mark => mark.canaryWeight === 50).length).toBeGreaterThan(1);
        // Corrected each time, before it came again.
        expect(routeWrites(rig(), team, sinceMs).length).toBeGreaterThanOrEqual(changed.length / 2);
        expect(applied).toBeGreaterThan(1);
        await sleep(QUIET_MS);
        await client.check();
        await expectTold(team, 'Aborted');
        await team.stop();
      },
      SCENARIO_MS,
    );

    it.concurrent(
      'keeps its share when a HorizontalPodAutoscaler changes the replicas, up and down',
      async () => {
        const team = await rig().team('scaled');
        const client = await team.begin({ tag: '1.0.0', replicas: null, steps: HALFWAY });
        await scaleByRange(rig(), team, [3, 10], 3);
        await team.release({ tag: '1.1.0' });
        await team.untilStatus('waits at 40 %', isPaused);
        const sinceMs = Date.now();
        // 40 % of 3 are 2 pods beside the 3 of stable, of 6 they are 3, of 2 it is 1.
        await team.untilStatus('3 and 2 pods', status => status['readyReplicas'] === 5);
        await expectReadable(rig(), team, 3, 5);
        await scaleByRange(rig(), team, [6, 10], 9);
        await expectReadable(rig(), team, 6, 9);
        await scaleByRange(rig(), team, [1, 2], 3);
        await expectReadable(rig(), team, 2, 3);
        expect(await team.column('.status.updatedReplicas')).toBe('1');
        expect(weightsSince(team, sinceMs)).toEqual([]);
        expect(await team.column('.status.pause.reason')).toBe('PauseStep');
        await team.command('promote');
        await team.untilStatus('promoted', isPromoted(2));
        expect(await team.column('.spec.replicas')).toBe('2');
        const { weights } = await client.check();
        expect(weights).toContain(40);
        await team.stop();
      },
      SCENARIO_MS,
    );

    it.concurrent(
      'goes home at once and is healthy when the manifest goes back to what serves',
      async () => {
        const { team, client } = await halfway(rig(), 'reverted');
        const sinceMs = Date.now();
        await team.release({ tag: '1.0.0' });
        await team.untilStatus('healthy', status => status.phase === 'Healthy' && status.canary === undefined);
        expect(weightsSince(team, sinceMs)).toSatisfy((weights: number[]) => weights.at(-1) === 0);
        expect(weightsSince(team, sinceMs).filter(weight => weight > 40)).toEqual([]);
        expect(await team.column('.status.stable.revision')).toBe('1');
        expect(await team.column('.status.history[0].outcome')).toBe('ReturnedToStable');
        // Nobody has to be told of what they did themselves.
        expect(team.alerts('SluiceRolloutAborted')).toEqual([]);
        await client.check();
        await team.stop();
      },
      SCENARIO_MS,
    );

    it.concurrent(
      'gives way to the next revision, whose abort leads to the last verified one',
      async () => {
        const { team, client } = await halfway(rig(), 'superseded');
        await team.release({ tag: '1.2.0-err60' });
        await team.untilStatus('3 is aborted', status => status.phase === 'Aborted');
        await expectBackOnStable(team, 'AnalysisFailed');
        expect(await team.column('.status.stable.revision')).toBe('1');
        const outcomes = await team.column('.status.history[*].outcome');
        expect(outcomes).toContain('Superseded');
        await expectTold(team, 'Aborted');

        await team.release({ tag: '1.3.0' });
        await team.untilStatus('4 waits at 40 %', status => isPaused(status) && status.canary?.revision === 4);
        await team.command('promote');
        await team.untilStatus('promoted', isPromoted(4));
        // The traffic of one revision never goes to another by a mere change of what a Service selects.
        const { byVersion } = await client.check({ bad: ['1.2.0'] });
        expect(Object.keys(byVersion).toSorted()).toEqual(['1.0.0', '1.1.0', '1.2.0', '1.3.0']);
        await team.stop();
      },
      SCENARIO_MS,
    );

    it.concurrent(
      'gives way to the next revision in the middle of a timed pause, which waits for its own time',
      async () => {
        const team = await rig().team('next-in-pause');
        const steps = [{ setWeight: 20 }, { pause: { duration: `${PAUSE_MS / 1_000}s` } }, { setWeight: 60 }];
        const client = await team.begin({ tag: '1.0.0', steps });
        await team.release({ tag: '1.1.0' });
        await team.untilStatus('2 is in the pause', ({ step, canary }) => step?.index === 1 && canary?.revision === 2);
        await sleep(PAUSE_MS / 2);
        const sinceMs = Date.now();
        await team.release({ tag: '1.2.0' });
        await team.untilStatus('promoted', isPromoted(3));
        await expectThirdFromTheStart(team, sinceMs);
        expect(weightsSince(team, sinceMs)).toEqual([0, 20, 60, 100, 0]);
        // What was left of the pause of the second one is nothing to the third.
        const times = timesOf(team, sinceMs);
        expect(Number(times.get(60)) - Number(times.get(20))).toBeGreaterThan(PAUSE_MS - 1_000);
        const { weights, byVersion } = await client.check();
        expect(weights).toContain(20);
        expect(Object.keys(byVersion).toSorted()).toEqual(['1.0.0', '1.1.0', '1.2.0']);
        await team.stop();
      },
      SCENARIO_MS,
    );

    it.concurrent.each(BRAKES)(
      'gives way to the next revision while it is paused $how: its users go home, and the next one is not tried before it goes on',
      async ({ name, reason, answer, pause, resume }) => {
        const { team, client } = await halfway(rig(), name);
        await pause(team);
        await team.untilStatus('paused', status => status.pause?.reason === reason);
        const sinceMs = Date.now();
        await team.release({ tag: '1.2.0' });
        await team.untilNow(
          '3 is paused, with no users on the canary',
          ({ phase, canary, pause, weights }) =>
            phase === 'Paused' && canary?.revision === 3 && pause?.reason === reason && weights?.actualCanary === 0,
        );
        const id = await team.command('promote');
        await team.untilStatus('answered', ({ lastCommand }) => lastCommand?.id === id);
        expect(await team.column('.status.lastCommand.outcome')).toBe(answer);
        await sleep(QUIET_MS);
        expect(operatorWrites(rig(), team, sinceMs).filter(({ verb }) => verb === 'create')).toEqual([]);
        expect(weightsSince(team, sinceMs)).toEqual([0]);
        expect(await team.column('.status.phase')).toBe('Paused');

        await resume(team);
        await team.untilNow('3 waits at 40 %', status => isPaused(status) && status.canary?.revision === 3);
        expect(weightsSince(team, sinceMs)).toEqual([0, 40]);
        await team.command('promote');
        await team.untilStatus('promoted', isPromoted(3));
        await expectThirdFromTheStart(team, sinceMs);
        const { weights, byVersion } = await client.check();
        expect(weights).toContain(40);
        expect(Object.keys(byVersion).toSorted()).toEqual(['1.0.0', '1.1.0', '1.2.0']);
        await team.stop();
      },
      SCENARIO_MS,
    );

    it.concurrent(
      'gives way to the next revision in the middle of the analysis of a step, which is measured anew',
      async () => {
        const team = await rig().team('next-in-gate');
        const count = 10;
        await team.apply(gateOf(team.name, 'long', successRate({ count, interval: '500ms', initialDelay: '2s' })));
        const steps = [{ setWeight: 30 }, { analysis: { templates: [{ templateName: 'long' }] } }, { setWeight: 60 }];
        const client = await team.begin({ tag: '1.0.0', gates: [], steps });
        await team.release({ tag: '1.1.0' });
        await team.untilStatus('2 is measured', status => status.display?.gate?.startsWith('long 1 ') === true);
        const sinceMs = Date.now();
        await team.release({ tag: '1.2.0' });
        await team.untilStatus('promoted', isPromoted(3));
        await expectThirdFromTheStart(team, sinceMs);
        expect(weightsSince(team, sinceMs)).toEqual([0, 30, 60, 100, 0]);
        const runs = JSON.parse(await team.kubectl('get', 'analysisruns', '-o', 'json')) as { items: Run[] };
        const [second, third] = runs.items.toSorted((a, b) => createdMs(a) - createdMs(b));
        expect(runs.items).toHaveLength(2);
        expect(second?.status).toMatchObject({ message: 'no longer needed' });
        expect(second?.status.metricResults[0].count).toBeLessThan(count);
        expect(third?.status.metricResults[0]).toMatchObject({ phase: 'Successful', count });
        const { weights, byVersion } = await client.check();
        expect(weights).toContain(30);
        expect(Object.keys(byVersion).toSorted()).toEqual(['1.0.0', '1.1.0', '1.2.0']);
        await team.stop();
      },
      SCENARIO_MS,
    );
  },
  { plane: { controllerManagerFlags: ['--horizontal-pod-autoscaler-sync-period=1s'] } },
);
