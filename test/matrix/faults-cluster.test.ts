import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { skipUnless } from '../support/binaries/availability.ts';
import { applyObjects, readManifests } from '../support/control-plane/apply-folder.ts';
import { controlPlaneAvailability } from '../support/control-plane.ts';
import { etcdIsFull } from '../support/faults/etcd.ts';
import { applyRealRbac, takeAway } from '../support/faults/rbac.ts';
import { busiestOf, type Fault, learnStories, type StoryJudge, unhandled } from '../support/faults/run-story.ts';
import { closeScenes, rest, Scene } from '../support/faults/scene.ts';
import {
  ABORTED,
  atWeight,
  canaryWeight,
  deliver,
  deployStable,
  promoteHeld,
  type StoryName,
  TRIED,
  untilHealthy,
  untilHeld,
} from '../support/faults/stories.ts';
import { survivalOn } from '../support/faults/survival.ts';
import { deedsOf } from '../support/matrix/deeds.ts';
import { type MatrixRig, startMatrixRig } from '../support/matrix/matrix-rig.ts';
import { surroundings } from '../support/matrix/shop-objects.ts';
import { Stage } from '../support/matrix/stage.ts';

const LONG = 240_000;
const TEAMS_MS = 180_000;
const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
/** What is refused is asked for ever later, at last once a minute. */
const RETRY_MS = 75_000;

describe.skipIf(skipUnless(controlPlaneAvailability()))('a cluster that fails its operator', () => {
  let rig: MatrixRig;
  let judges: Map<StoryName, StoryJudge>;
  let giveBack: () => Promise<void> = async () => undefined;

  beforeAll(async () => {
    rig = await startMatrixRig({ operatorIsClusterAdmin: false });
    await applyRealRbac(rig.plane.client);
    judges = await learnStories(rig, ['promote', 'abort', 'held']);
  }, 20 * 60_000);
  afterEach(async () => {
    await closeScenes();
    await giveBack();
  }, 60_000);
  afterAll(async () => await rig?.stop(), 120_000);

  const survives = survivalOn(() => ({ rig, judges }));

  /** A promotion and an abort at once, both in the middle when it happens. */
  async function bothSurvive(name: string, happens: () => Promise<void>): Promise<void> {
    let waiting = 2;
    let go: () => void = () => undefined;
    const together = new Promise<void>(resolve => {
      go = resolve;
    });
    // The gateway of the rig answers a route once: it must have done so.
    const happening = together.then(() => rest(500)).then(happens);
    const fault: Fault = async scene => {
      await atWeight(scene.stage, 20);
      waiting -= 1;
      if (waiting === 0) go();
      await happening;
    };
    await Promise.all((['promote', 'abort'] as const).map(story => survives(story, `${name}-${story}`, fault)));
  }

  /** One operator for all namespaces, and two teams. */
  async function twoTeams(name: string, strategy?: unknown) {
    const scene = await Scene.open(rig, `${name}-a`, { flags: ['--no-leader-election'], longestMs: TEAMS_MS });
    const other = `${name}-b`;
    await rig.plane.client.create('/api/v1/namespaces', { metadata: { name: other } });
    const unhurt = new Stage(other, rig.history.of(other), rig.plane.client, TEAMS_MS);
    await Promise.all([deployStable(scene.stage, strategy), deployStable(unhurt)]);
    const from = scene.proxy.trace.entries.length;
    const end = async () => {
      const busiest = busiestOf(scene.proxy.trace, from);
      if (unhurt.rollout) await unhurt.deleteRollout();
      await scene.close();
      console.log(`${name}: at most ${busiest} requests in 10 s`);
      expect(busiest).toBeLessThan(250);
      expect(scene.died).toBe(false);
      expect(unhandled(scene.log())).toEqual([]);
    };
    return { scene, hurt: scene.stage, unhurt, end };
  }

  for (const [verb, resource] of [
    ['patch', 'httproutes'],
    ['create', 'replicasets'],
  ] as const)
    it(`F11 the right to ${verb} ${resource} is taken away in the middle, and given back`, {
      timeout: LONG,
    }, async () => {
      const { scene, hurt, unhurt, end } = await twoTeams(`f11-${resource}`);
      giveBack = await takeAway(rig.plane.client, verb, resource, unhurt.namespace);
      // The API server hears of its own rules with some delay.
      await rest(1_000);
      await Promise.all([deliver(hurt), deliver(unhurt)]);
      await untilHealthy(unhurt, TRIED);
      await hurt.until('its status says what is forbidden', () => JSON.stringify(hurt.status).includes('forbidden'));
      const refusedFrom = scene.proxy.trace.entries.length;
      await rest(3_000);
      const refused = scene.proxy.trace.entries.slice(refusedFrom).filter(({ told }) => told === 403);
      console.log(`f11-${resource}: ${refused.length} refusals in 3 s; ${JSON.stringify(hurt.status).slice(0, 300)}`);
      expect(refused.length).toBeLessThan(15);
      expect(canaryWeight(hurt)).toBe(0);
      await giveBack();
      const at = performance.now();
      await untilHealthy(hurt, TRIED);
      expect(performance.now() - at).toBeLessThan(RETRY_MS);
      await end();
    });

  it('F11 the right to create analysisruns is taken away, and pods do not come and go meanwhile', {
    timeout: LONG,
  }, async () => {
    const { scene, hurt, unhurt, end } = await twoTeams('f11-runs', ABORTED);
    giveBack = await takeAway(rig.plane.client, 'create', 'analysisruns', unhurt.namespace);
    await rest(1_000);
    await deliver(hurt, TRIED, ABORTED);
    await hurt.until('its status says what is forbidden', () => JSON.stringify(hurt.status).includes('forbidden'));
    await rest(4_000);
    const scales = Object.entries(deedsOf(hurt.history.changes())).filter(([key]) => key.startsWith('replicas of'));
    console.log(`f11-runs: ${JSON.stringify(scales)}`);
    for (const [set, steps] of scales) expect(steps.split(' ').length, `${set}: ${steps}`).toBeLessThan(4);
    // The analysis begins at this weight: nobody goes further without it.
    expect(canaryWeight(hurt)).toBeLessThanOrEqual(60);
    await giveBack();
    const at = performance.now();
    await hurt.until('it is aborted by what it measures', () => hurt.is('Aborted') && hurt.count('pods') === 2);
    expect(performance.now() - at).toBeLessThan(RETRY_MS);
    expect(scene.died).toBe(false);
    await end();
  });

  it('F14 a namespace that is being deleted takes nobody along', { timeout: LONG }, async () => {
    const { scene, hurt, unhurt, end } = await twoTeams('f14');
    await deliver(hurt);
    await atWeight(hurt, 20);
    await rig.plane.client.delete(`/api/v1/namespaces/${hurt.namespace}`);
    await deliver(unhurt);
    await untilHealthy(unhurt, TRIED);
    await hurt.until('everything in it is gone', () => hurt.rollout === undefined && hurt.count('replicasets') === 0);
    const isGone = () =>
      rig.plane.client.get(`/api/v1/namespaces/${hurt.namespace}`).then(
        () => false,
        () => true,
      );
    for (const deadline = performance.now() + 60_000; !(await isGone()); await rest(200))
      expect(performance.now(), 'the namespace is gone in time').toBeLessThan(deadline);
    await rest(2_000);
    const from = scene.proxy.trace.entries.length;
    await rest(3_000);
    const still = scene.proxy.trace.entries.slice(from).filter(({ request }) => request.namespace === hurt.namespace);
    expect(still.map(({ request }) => `${request.method} ${request.path}`)).toEqual([]);
    await end();
  });

  it('F12 the API server is restarted', { timeout: LONG }, async () => {
    await bothSurvive('f12-apiserver', () => rig.plane.restartApiserver(3_000));
  });

  it('F12 etcd stands still for 10 s', { timeout: LONG }, async () => {
    await bothSurvive('f12-etcd', async () => {
      process.kill(rig.plane.pid('etcd'), 'SIGSTOP');
      await rest(10_000);
      process.kill(rig.plane.pid('etcd'), 'SIGCONT');
    });
  });

  it('F12 the disk of etcd is full for 8 s', { timeout: LONG }, async () => {
    await bothSurvive('f12-space', async () => {
      await etcdIsFull(rig.plane, true);
      await rest(8_000);
      await etcdIsFull(rig.plane, false);
    });
  });

  const definition = (plural: string) => `${CRDS}/${plural}.sluice.dev`;

  it('F13 a definition is changed while its objects are followed', { timeout: LONG }, async () => {
    await bothSurvive('f13-changed', async () => {
      for (const plural of ['rollouts', 'analysisruns', 'analysistemplates'])
        await rig.plane.client.patch(definition(plural), 'merge', {
          spec: { names: { categories: ['all', `changed-${plural}`] } },
        });
      await rest(3_000);
    });
  });

  it('F13 definitions are deleted and installed again', { timeout: LONG }, async () => {
    // Runs and the route go with their definitions; both come again.
    const limits = { except: /analysisruns|httproutes|verdicts|analysis|^weights|^events|^traffic|history/ };
    await survives(
      'held',
      'f13-deleted',
      async scene => {
        await untilHeld(scene.stage);
        const ours = readFileSync(join(import.meta.dirname, '../../crds', 'analysisruns.yaml'), 'utf8');
        const names = ['analysisruns.sluice.dev', 'httproutes.gateway.networking.k8s.io'];
        const theirs = await rig.plane.client.get(`${CRDS}/${names[1]}`);
        for (const name of names) await rig.plane.client.delete(`${CRDS}/${name}`);
        const isThere = (name: string) =>
          rig.plane.client.get(`${CRDS}/${name}`).then(
            () => true,
            () => false,
          );
        for (const name of names) while (await isThere(name)) await rest(100);
        await rest(4_000);
        expect(scene.operator.ended()).toBe(false);
        const { spec } = theirs;
        const { annotations = {} } = theirs.metadata;
        const definitionOfRoutes = {
          apiVersion: 'apiextensions.k8s.io/v1',
          kind: 'CustomResourceDefinition',
          metadata: { name: names[1] ?? '', annotations },
          spec,
        };
        await applyObjects(rig.plane.client, [...readManifests(ours), definitionOfRoutes]);
        await scene.stage.apply(surroundings(['shop-stable', 'shop-canary'], true));
        await promoteHeld(scene.stage);
      },
      limits,
    );
  });
});
