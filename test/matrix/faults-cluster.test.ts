import { afterEach, expect, it } from 'vitest';
import { isCountedWrite, isWrite } from '../support/fault-proxy/proxied-request.ts';
import type { TraceEntry } from '../support/fault-proxy/trace.ts';
import { definitionPath, deleteDefinitions } from '../support/faults/definitions.ts';
import { etcdIsFull } from '../support/faults/etcd.ts';
import { faultSuite } from '../support/faults/fault-suite.ts';
import { applyRealRbac, takeAway } from '../support/faults/rbac.ts';
import type { Fault } from '../support/faults/run-story.ts';
import { closeScenes, rest, type Scene } from '../support/faults/scene.ts';
import {
  ABORTED,
  atWeight,
  canaryWeight,
  deliver,
  HELD,
  promoteHeld,
  STABLE,
  TRIED,
  untilAborted,
  untilDoomed,
  untilHealthy,
  untilHeld,
} from '../support/faults/stories.ts';
import type { Excuse } from '../support/faults/story-judge.ts';
import { FORBIDDEN_AGAIN_MS, LATE_MS } from '../support/faults/terms.ts';
import { twoTeams } from '../support/faults/two-teams.ts';
import { CANARY_SERVICES } from '../support/matrix/canary-strategy.ts';
import { deedsOf } from '../support/matrix/deeds.ts';
import { surroundings } from '../support/matrix/shop-objects.ts';
import type { Stage } from '../support/matrix/stage.ts';

/** From a right that is given back to the end of what it was needed for: the longest wait, and a story on a busy machine. */
const RETRY_MS = FORBIDDEN_AGAIN_MS.last + 30_000;
/** For so long refusals are counted. */
const REFUSED_MS = 10_000;
const SLOW_MS = 1_000;

const ROUTE_ANEW: readonly Excuse[] = [
  {
    line: /^done: httproutes\/shop: created 2, deleted 1 \(fault-free: created 1, deleted 0\)$/,
    because: 'the route went with its definition, and came again from Git',
  },
  {
    line: /^weights: 0 20 0 20 60 100 0 \(fault-free: 0 20 60 100 0\)$/,
    because: 'Git has the route at weight 0; the operator sets what the step says',
  },
  {
    line: /^events: WeightChanged was told 2 times \(fault-free: 0 and 0\)$/,
    because: 'a move of traffic that no step explains is told: away with the route, and back',
  },
];

/** Where the stories are when something happens to all of them. */
const IN_THE_MIDDLE = {
  promote: (stage: Stage) => atWeight(stage, 20),
  abort: (stage: Stage) => atWeight(stage, 20),
  doomed: untilDoomed,
} as const;

const options = {
  stories: ['promote', 'abort', 'held', 'doomed'],
  plane: { operatorIsClusterAdmin: false },
  prepare: ({ plane }: { plane: { client: Parameters<typeof applyRealRbac>[0] } }) => applyRealRbac(plane.client),
} as const;

faultSuite('a cluster that fails its operator', options, ({ rig, survives }) => {
  let giveBack: () => Promise<void> = async () => undefined;

  afterEach(async () => {
    await closeScenes();
    await giveBack();
    giveBack = async () => undefined;
  }, 60_000);

  /**
   * A promotion and an abort at once, both in the middle when it happens, and a canary whose verdict comes while it lasts. `felt`
   * tells requests to which it happened; `spoiled` those in which it met the verdict.
   */
  async function allSurvive(
    name: string,
    happens: () => Promise<void>,
    felt: (entry: TraceEntry) => boolean,
    spoiled = (entry: TraceEntry) => felt(entry) && isMeasurement(entry),
  ): Promise<void> {
    const stories = Object.keys(IN_THE_MIDDLE) as (keyof typeof IN_THE_MIDDLE)[];
    let waiting = stories.length;
    let go: () => void = () => undefined;
    const together = new Promise<void>(resolve => {
      go = resolve;
    });
    // The gateway of the rig answers a route once: it must have done so.
    const happening = together.then(() => rest(500)).then(happens);
    const strike = (story: keyof typeof IN_THE_MIDDLE) => async (scene: Scene) => {
      await IN_THE_MIDDLE[story](scene.stage);
      waiting -= 1;
      if (waiting === 0) go();
      await together;
      const since = performance.now();
      await happening;
      const strikes = story === 'doomed' ? spoiled : felt;
      const struck = () => scene.proxy.trace.entries.filter(entry => entry.request.at >= since && strikes(entry));
      await scene.until('the operator felt it', () => struck().length > 0);
      scene.strikes.push(...struck().map(({ request }) => `${request.verb} ${request.plural}`));
    };
    await Promise.all(stories.map(story => survives(story, `${name}-${story}`, strike(story))));
  }

  /**
   * Waits until it says in its conditions what it may not do. What its own status brings about aside, it is then asked for as rarely
   * as it should be: once after 5 s, and once more if anything changes.
   */
  async function untilForbidden({ proxy }: Scene, stage: Stage, verb: string, resource: string): Promise<void> {
    const isSaid = () => {
      const { reason, message = '' } = conditionOf(stage, 'Ready') ?? {};
      return reason === 'WriteRefused' && message.includes(`cannot ${verb} resource "${resource}"`);
    };
    await stage.until(`it says that it may not ${verb} ${resource}`, isSaid);
    expect(conditionOf(stage, 'Ready')?.message).toContain('forbidden');
    await rest(1_000);
    const from = proxy.trace.entries.length;
    await rest(REFUSED_MS);
    const refused = proxy.trace.entries.slice(from).filter(isForbidden);
    const said = JSON.stringify(stage.status).slice(0, 300);
    console.log(`${stage.namespace}: ${refused.length} refusals in ${REFUSED_MS} ms; ${said}`);
    expect(refused.length).toBeLessThanOrEqual(REFUSED_MS / FORBIDDEN_AGAIN_MS.first);
    expect(isSaid(), 'it still says so').toBe(true);
  }

  for (const [verb, resource] of [
    ['patch', 'httproutes'],
    ['create', 'replicasets'],
  ] as const)
    it(`F11 the right to ${verb} ${resource} is taken away before a delivery, and given back`, async () => {
      const { scene, hurt, unhurt, end } = await twoTeams(rig(), `f11-${resource}`);
      giveBack = await takeAway(rig().plane.client, verb, resource, unhurt.namespace);
      await Promise.all([deliver(hurt), deliver(unhurt)]);
      await Promise.all([untilHealthy(unhurt, TRIED), untilForbidden(scene, hurt, verb, resource)]);
      expect(canaryWeight(hurt)).toBe(0);
      await giveBack();
      const at = performance.now();
      await untilHealthy(hurt, TRIED);
      expect(performance.now() - at).toBeLessThan(RETRY_MS);
      await end();
    });

  it('F11 the right to patch httproutes is taken away under users: the verdict is told, and carried out once it may be', async () => {
    const fault: Fault = async scene => {
      const { stage, proxy } = scene;
      await untilDoomed(stage);
      giveBack = await takeAway(rig().plane.client, 'patch', 'httproutes');
      await stage.until('the verdict is stored', () => stage.is('Aborted'));
      await untilForbidden(scene, stage, 'patch', 'httproutes');
      expect(conditionOf(stage, 'Stalled')).toMatchObject({ status: 'True', reason: 'WriteRefused' });
      expect(conditionOf(stage, 'Aborted')?.status).toBe('True');
      // Nobody else can take them home, and no pod that serves them may go.
      expect(canaryWeight(stage)).toBe(20);
      expect(stage.readyPods(TRIED)).toBe(1);
      const refused = proxy.trace.entries.filter(isForbidden);
      scene.strikes.push(...refused.map(({ request }) => `${request.verb} ${request.plural} forbidden`));
      await giveBack();
    };
    await survives('doomed', 'f11-verdict', fault, { lateMs: FORBIDDEN_AGAIN_MS.last + LATE_MS.atOnce });
  });

  it('F11 the right to create analysisruns is taken away, and pods do not come and go meanwhile', async () => {
    const { scene, hurt, unhurt, end } = await twoTeams(rig(), 'f11-runs', ABORTED);
    giveBack = await takeAway(rig().plane.client, 'create', 'analysisruns', unhurt.namespace);
    await deliver(hurt, TRIED, ABORTED);
    await untilForbidden(scene, hurt, 'create', 'analysisruns');
    const scales = Object.entries(deedsOf(hurt.history.changes())).filter(([key]) => key.startsWith('replicas of'));
    console.log(`f11-runs: ${JSON.stringify(scales)}`);
    for (const [set, steps] of scales) expect(steps.split(' ').length, `${set}: ${steps}`).toBeLessThan(4);
    // The analysis begins at this weight: nobody goes further without it.
    expect(canaryWeight(hurt)).toBeLessThanOrEqual(60);
    await giveBack();
    const at = performance.now();
    await untilAborted(hurt);
    expect(performance.now() - at).toBeLessThan(RETRY_MS);
    await end();
  });

  it('F14 a namespace that is being deleted takes nobody along', async () => {
    const { scene, hurt, unhurt, end } = await twoTeams(rig(), 'f14');
    const { client } = rig().plane;
    await deliver(hurt);
    await atWeight(hurt, 20);
    await client.delete(`/api/v1/namespaces/${hurt.namespace}`);
    await deliver(unhurt);
    await untilHealthy(unhurt, TRIED);
    await hurt.until('everything in it is gone', () => hurt.rollout === undefined && hurt.count('replicasets') === 0);
    const isGone = () =>
      client.get(`/api/v1/namespaces/${hurt.namespace}`).then(
        () => false,
        () => true,
      );
    for (const deadline = performance.now() + 60_000; !(await isGone()); await rest(200))
      expect(performance.now(), 'the namespace is gone in time').toBeLessThan(deadline);
    await rest(2_000);
    const from = scene.proxy.trace.entries.length;
    await rest(3_000);
    const still = scene.proxy.trace.entries.slice(from).filter(({ request }) => request.namespace === hurt.namespace);
    // What is told of it may come late.
    const asked = still.filter(({ request }) => request.plural !== 'events');
    expect(asked.map(({ request }) => `${request.method} ${request.path}`)).toEqual([]);
    await end();
  });

  it('F12 the API server is restarted', async () => {
    await allSurvive('f12-apiserver', () => rig().plane.restartApiserver(6_000), isUnanswered);
  });

  it('F12 etcd stands still for 10 s', async () => {
    const standsStill = async () => {
      const etcd = rig().plane.pid('etcd');
      process.kill(etcd, 'SIGSTOP');
      await rest(10_000);
      process.kill(etcd, 'SIGCONT');
    };
    await allSurvive('f12-etcd', standsStill, isFailedWrite);
  });

  it('F12 etcd is killed, and comes back with its data after 6 s', async () => {
    const before = rig().plane.pid('etcd');
    await allSurvive('f12-etcd-killed', () => rig().plane.restartEtcd(6_000), isFailedWrite);
    expect(rig().plane.pid('etcd')).not.toBe(before);
  });

  it('F12 the disk of etcd is full for 8 s', async () => {
    const isFull = async () => {
      await etcdIsFull(rig().plane, true);
      await rest(8_000);
      await etcdIsFull(rig().plane, false);
    };
    await allSurvive('f12-space', isFull, isFailedWrite);
  });

  it('F13 definitions are changed while their objects are followed, and about when a verdict comes', async () => {
    const change = async (nth: number) => {
      for (const plural of ['rollouts', 'analysisruns', 'analysistemplates'])
        await rig().plane.client.patch(definitionPath(`${plural}.sluice.dev`), 'merge', {
          spec: { names: { categories: ['all', `changed-${plural}-${nth}`] } },
        });
    };
    const changed = async () => {
      await change(1);
      await rest(5_500);
      await change(2);
      await rest(3_000);
    };
    // The API server ends every watch of a definition that changes.
    const isFollowedAnew = ({ request }: TraceEntry) => request.verb === 'watch' && request.plural === 'rollouts';
    await allSurvive('f13-changed', changed, isFollowedAnew, isFollowedAnew);
  });

  it('F13 definitions of runs and routes are deleted and installed again', async () => {
    const fault: Fault = async scene => {
      await untilHeld(scene.stage);
      const names = ['analysisruns.sluice.dev', 'httproutes.gateway.networking.k8s.io'];
      const installAgain = await deleteDefinitions(rig().plane.client, names);
      scene.strikes.push(...names.map(name => `${name} deleted`));
      await rest(4_000);
      expect(scene.operator.ended()).toBe(false);
      await installAgain();
      await scene.stage.apply(surroundings(CANARY_SERVICES, true));
      await promoteHeld(scene.stage);
    };
    await survives('held', 'f13-deleted', fault, { excuses: ROUTE_ANEW });
  });

  it('F13 the definition of Rollouts itself is deleted in the middle, and comes back with them', async () => {
    const { scene, hurt, unhurt, end } = await twoTeams(rig(), 'f13-rollouts', HELD);
    await deliver(hurt, TRIED, HELD);
    await untilHeld(hurt);
    const from = scene.proxy.trace.entries.length;
    const installAgain = await deleteDefinitions(rig().plane.client, ['rollouts.sluice.dev']);
    await rest(5_000);
    expect(scene.operator.ended()).toBe(false);
    // One that starts without it waits for it.
    await scene.kill();
    await scene.start();
    await rest(5_000);
    expect(scene.operator.ended()).toBe(false);
    const writes = () => scene.proxy.trace.entries.slice(from).filter(({ request }) => isCountedWrite(request));
    expect(writes().map(({ request }) => `${request.method} ${request.path}`)).toEqual([]);
    expect(canaryWeight(hurt)).toBe(20);
    await installAgain();
    await Promise.all([deliver(hurt, TRIED, HELD), deliver(unhurt, STABLE)]);
    await Promise.all([untilHealthy(hurt, TRIED), untilHealthy(unhurt, STABLE)]);
    await hurt.until('all its traffic is on what is stable', () => canaryWeight(hurt) === 0);
    await deliver(unhurt);
    await untilHealthy(unhurt, TRIED);
    await end();
  });
});

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

function conditionOf({ rollout }: Stage, type: string): Condition | undefined {
  const { conditions = [] } = (rollout?.['status'] ?? {}) as { conditions?: readonly Condition[] };
  return conditions.find(condition => condition.type === type);
}

function isForbidden({ told }: TraceEntry): boolean {
  return told === 403;
}

/** A write of what was measured. */
function isMeasurement({ request }: TraceEntry): boolean {
  return isWrite(request) && request.plural === 'analysisruns';
}

function isUnanswered({ request, relayed, status }: TraceEntry): boolean {
  return relayed && status === undefined && performance.now() - request.at > SLOW_MS;
}

/** A write that was refused for the server's own reasons, or took its time. */
function isFailedWrite({ request, status = 0, answeredAt = performance.now() }: TraceEntry): boolean {
  return isWrite(request) && (status >= 500 || answeredAt - request.at > SLOW_MS);
}
