import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { skipUnless } from '../support/binaries/availability.ts';
import { controlPlaneAvailability } from '../support/control-plane.ts';
import { isWrite } from '../support/fault-proxy/proxied-request.ts';
import { busiestOf, learnStories, type StoryJudge, unhandled } from '../support/faults/run-story.ts';
import { rest, Scene } from '../support/faults/scene.ts';
import {
  ABORTED,
  atWeight,
  canaryWeight,
  deliver,
  deployStable,
  HELD,
  promoteHeld,
  type StoryName,
  TRIED,
  untilHeld,
} from '../support/faults/stories.ts';
import { survivalOn } from '../support/faults/survival.ts';
import type { MatrixRig } from '../support/matrix/matrix-rig.ts';
import { startMatrixRig } from '../support/matrix/matrix-rig.ts';
import { surroundings } from '../support/matrix/shop-objects.ts';

const LONG = 240_000;
const ROUTES = '/apis/gateway.networking.k8s.io/v1';

/** Where a Rollout is when it is deleted, and how it gets there. */
const PHASES: Readonly<Record<string, (scene: Scene) => Promise<void>>> = {
  'while its first pods start': async ({ stage }) => {
    await stage.apply([...surroundings(['shop-stable', 'shop-canary'], true)]);
    await deliver(stage);
    await stage.until('there is a set', () => stage.count('replicasets') > 0);
  },
  'when it is healthy': ({ stage }) => deployStable(stage),
  'while the canary starts': async ({ stage }) => {
    await deployStable(stage);
    await deliver(stage);
    await stage.until('there are two sets', () => stage.count('replicasets') === 2);
  },
  'while traffic moves': async ({ stage }) => {
    await deployStable(stage);
    await deliver(stage);
    await atWeight(stage, 20);
  },
  'while it waits for a person': async ({ stage }) => {
    await deployStable(stage, HELD);
    await deliver(stage, TRIED, HELD);
    await untilHeld(stage);
  },
  'while it is measured': async ({ stage }) => {
    await deployStable(stage);
    await deliver(stage);
    await stage.until('there is a run', () => stage.count('analysisruns') > 0);
  },
  'while it is promoted': async ({ stage }) => {
    await deployStable(stage);
    await deliver(stage);
    await atWeight(stage, 100);
  },
  'when it is aborted': async ({ stage }) => {
    await deployStable(stage, ABORTED);
    await deliver(stage, TRIED, ABORTED);
    await stage.until('it is aborted', () => stage.is('Aborted'));
  },
};

describe.skipIf(skipUnless(controlPlaneAvailability()))('people and other programs', () => {
  let rig: MatrixRig;
  let judges: Map<StoryName, StoryJudge>;

  beforeAll(async () => {
    rig = await startMatrixRig();
    judges = await learnStories(rig, ['promote', 'held']);
  }, 20 * 60_000);
  afterAll(async () => await rig?.stop(), 120_000);

  const survives = survivalOn(() => ({ rig, judges }));

  it.concurrent('F15 another manager takes the weights once: they are set again', { timeout: LONG }, async () => {
    const limits = {
      except: /[gG]eneration|managedFields|^weights: 0 20 (0|100) 20|^events|^traffic: shop-canary had weight 100/,
    };
    await survives(
      'held',
      'f15-once',
      async scene => {
        await untilHeld(scene.stage);
        await setWeights(scene, 'gitops', 0);
        await atWeight(scene.stage, 0);
        await atWeight(scene.stage, 20);
        await promoteHeld(scene.stage);
      },
      limits,
    );
  });

  it.concurrent('F15 another manager that takes the weights for ever is no hot loop and is told', {
    timeout: LONG,
  }, async () => {
    const limits = { except: /[gG]eneration|managedFields|^weights|^events|conditions/ };
    await survives(
      'held',
      'f15-loop',
      async scene => {
        await untilHeld(scene.stage);
        const from = scene.proxy.trace.entries.length;
        const until = performance.now() + 12_000;
        let said = false;
        while (performance.now() < until) {
          if (canaryWeight(scene.stage) !== 0) await setWeights(scene, 'gitops', 0);
          said ||= JSON.stringify(scene.stage.status).includes('RouteConflict');
          await rest(50);
        }
        const writes = busiestOf(scene.proxy.trace, from, one => isWrite(one) && one.plural === 'httproutes');
        console.log(`f15-loop: ${writes} route writes within 10 s, conflict told: ${said}`);
        expect(said).toBe(true);
        expect(writes).toBeLessThan(15);
        // The conflict is over a minute after the last foreign write.
        await atWeight(scene.stage, 20);
        await promoteHeld(scene.stage);
      },
      limits,
    );
  });

  it.concurrent('F15 somebody scales and edits the ReplicaSets', { timeout: LONG }, async () => {
    const limits = { except: /^done: |[gG]eneration|^events|annotations\.sluice\.dev.revision/ };
    await survives(
      'held',
      'f15-sets',
      async scene => {
        await untilHeld(scene.stage);
        const path = `/apis/apps/v1/namespaces/${scene.namespace}/replicasets`;
        for (const { metadata } of scene.stage.history.all('replicasets')) {
          await rig.plane.client.patch(`${path}/${metadata.name}?fieldManager=kubectl-edit`, 'merge', {
            spec: { replicas: 4 },
          });
          await rig.plane.client.patch(`${path}/${metadata.name}?fieldManager=kubectl-edit`, 'merge', {
            metadata: { annotations: { 'sluice.dev/revision': '77' } },
          });
        }
        await scene.until('the pods are as declared', () => scene.stage.count('pods') === 3);
        await promoteHeld(scene.stage);
      },
      limits,
    );
  });

  for (const [index, [when, arrive]] of Object.entries(PHASES).entries())
    for (const isDown of [false, true])
      it.concurrent(`F16 a Rollout is deleted ${when}${isDown ? ', with the operator down' : ''}`, {
        timeout: LONG,
      }, async () => {
        const scene = await Scene.open(rig, `f16-${index}${isDown ? '-down' : ''}`);
        const { stage, proxy } = scene;
        await arrive(scene);
        if (isDown) await scene.kill();
        await stage.deleteRollout();
        if (isDown) await scene.start();
        const leaves = ['rollouts', 'replicasets', 'controllerrevisions', 'analysisruns', 'pods'] as const;
        const isGone = () => leaves.every(plural => stage.count(plural) === 0);
        await stage.until('everything it owned is gone', isGone);
        await rest(1_500);
        const from = proxy.trace.entries.length;
        await rest(1_500);
        const late = proxy.trace.entries.slice(from).filter(({ request }) => isWrite(request));
        expect(late.map(({ request }) => `${request.method} ${request.path}`)).toEqual([]);
        expect(isGone()).toBe(true);
        expect(stage.history.get('services', 'shop-stable')).toBeDefined();
        expect(stage.history.get('httproutes', 'shop')).toBeDefined();
        await scene.close();
        expect(scene.died).toBe(false);
        expect(unhandled(scene.log())).toEqual([]);
      });

  /** Applies the whole route by force with this weight of the canary. */
  async function setWeights({ namespace }: Scene, manager: string, canary: number): Promise<void> {
    const route = surroundings(['shop-stable', 'shop-canary'], true).find(
      ({ plural }) => plural === 'httproutes',
    )?.object;
    const backendRefs = [
      { name: 'shop-stable', port: 80, weight: 100 - canary },
      { name: 'shop-canary', port: 80, weight: canary },
    ];
    const body = { ...route, spec: { parentRefs: [{ name: 'web' }], rules: [{ backendRefs }] } };
    const query = `fieldManager=${manager}&force=true`;
    await rig.plane.client.patch(`${ROUTES}/namespaces/${namespace}/httproutes/shop?${query}`, 'apply', body);
  }
});
