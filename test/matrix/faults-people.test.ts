import { expect, it } from 'vitest';
import { isCountedWrite } from '../support/fault-proxy/proxied-request.ts';
import { faultSuite } from '../support/faults/fault-suite.ts';
import { busiestOf, unhandled } from '../support/faults/run-story.ts';
import { rest, Scene } from '../support/faults/scene.ts';
import {
  ABORTED,
  atWeight,
  canaryWeight,
  deliver,
  deployStable,
  HELD,
  promoteHeld,
  TRIED,
  untilHeld,
} from '../support/faults/stories.ts';
import type { Excuse } from '../support/faults/story-judge.ts';
import { CANARY_SERVICES } from '../support/matrix/canary-strategy.ts';
import type { Change } from '../support/matrix/cluster-history.ts';
import { rollout, surroundings } from '../support/matrix/shop-objects.ts';

const ROUTES = '/apis/gateway.networking.k8s.io/v1';

/** Where a Rollout is when it is deleted, and how it gets there. */
const PHASES: Readonly<Record<string, (scene: Scene) => Promise<void>>> = {
  'while its first pods start': async ({ stage }) => {
    await stage.apply([...surroundings(CANARY_SERVICES, true)]);
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
  'while it is invalid': async ({ stage }) => {
    const { object, ...where } = rollout(TRIED, HELD);
    const spec = object['spec'] as { template: { spec: { containers: object[] } } };
    const [container] = spec.template.spec.containers;
    // Nothing but the API server's own rules for pods knows that this is no name.
    const template = { ...spec.template, spec: { containers: [{ ...container, name: 'No Name' }] } };
    await stage.apply([
      ...surroundings(CANARY_SERVICES, true),
      { ...where, object: { ...object, spec: { ...spec, template } } },
    ]);
    await stage.until('it is invalid', () => stage.is('Invalid'));
  },
  'while it is degraded': async ({ stage }) => {
    await deployStable(stage);
    const { object, ...where } = rollout(`${TRIED}-neverready`, HELD);
    const deadline = { progressDeadlineSeconds: 2, progressDeadlineAbort: false };
    await stage.apply([{ ...where, object: { ...object, spec: { ...(object['spec'] as object), ...deadline } } }]);
    await stage.until('it is degraded', () => stage.is('Degraded'));
  },
  'when it is aborted': async ({ stage }) => {
    await deployStable(stage, ABORTED);
    await deliver(stage, TRIED, ABORTED);
    await stage.until('it is aborted', () => stage.is('Aborted'));
  },
};

/** What comes of a hand that takes the weights so many times at most: one that finds them taken changes nothing. */
function setAnew(times: number): readonly Excuse[] {
  const upTo = (last: number, make: (nth: number) => number) =>
    Array.from({ length: last }, (_, index) => make(index + 1)).join('|');
  const counts = '(metadata\\.generation|status\\.parents\\.0\\.conditions\\.[01]\\.observedGeneration)';
  const generations = upTo(times, nth => 5 + 2 * nth);
  return [
    {
      line: new RegExp(`^end state: httproutes/shop\\.${counts}: (${generations}) \\(fault-free: 5\\)$`),
      because: 'each foreign write of the route and each one that sets it back is a generation of it',
    },
    {
      line: new RegExp(`^weights: (0 20 ){2,${times + 1}}60 100 0 \\(fault-free: 0 20 60 100 0\\)$`),
      because: 'the foreign manager only ever writes 0, and 20 is what the step says',
    },
    {
      line: new RegExp(
        `^events: WeightChanged was told (${upTo(2 * times, nth => nth)}) times \\(fault-free: 0 and 0\\)$`,
      ),
      because: 'a move of traffic that no step explains is told each time, there and back',
    },
  ];
}

const TOLD_AGAIN: Excuse = {
  line: /^events: RouteConflict was told 2 times \(fault-free: 0 and 0\)$/,
  because: 'told once a minute: at the first foreign write, and when the weight is tried again after a minute of rest',
};

/** `shop-1m7l8v7k97k` is the stable one of every story, `shop-1g52zsdtqtp` the one that is tried. */
const SCALED_BY_HAND: readonly Excuse[] = [
  {
    line: /^end state: replicasets\/shop-\w+\.(metadata\.generation|status\.observedGeneration): 4 \(fault-free: 2\)$/,
    because: 'scaled by hand once, and back once',
  },
  {
    line: /^end state: replicasets\/shop-1m7l8v7k97k\.metadata\.annotations\.sluice\.dev\/revision: 77 \(fault-free: 1\)$/,
    because: 'the annotation shows the number to people, nothing rests on it; the set retires',
  },
  {
    line: /^events: ReplicaSetScaled was told 3 times \(fault-free: 1 and 1\)$/,
    because: 'each of the two sets is scaled back once, and that is told',
  },
  {
    line: /^done: replicas of replicasets\/shop-1m7l8v7k97k: 2 4 2 0 \(fault-free: 2 0\)$/,
    because: 'the hand scales the stable set to 4, the operator back to 2 and not below before it retires',
  },
  {
    line: /^done: replicas of replicasets\/shop-1g52zsdtqtp: 1 4 1 2 \(fault-free: 1 2\)$/,
    because: 'the hand scales the canary to 4, the operator back to its one pod',
  },
  {
    line: /^done: pods of shop-1m7l8v7k97k: created [34], deleted [34] \(fault-free: created 2, deleted 2\)$/,
    because: 'pods of the hand: at most two more, all gone with the set',
  },
  {
    line: /^done: pods of shop-1g52zsdtqtp: created [345], deleted [123] \(fault-free: created 2, deleted 0\)$/,
    because: 'pods of the hand: at most three more, which left again',
  },
];

faultSuite('people and other programs', { stories: ['promote', 'held'] }, ({ rig, survives }) => {
  it.concurrent('F15 another manager takes the weights once: they are set again', async () => {
    await survives(
      'held',
      'f15-once',
      async scene => {
        await untilHeld(scene.stage);
        await setWeights(scene, 'gitops', 0);
        await atWeight(scene.stage, 0);
        scene.strikes.push('weights taken');
        await atWeight(scene.stage, 20);
        await promoteHeld(scene.stage);
      },
      { excuses: setAnew(1) },
    );
  });

  it.concurrent('F15 another manager that takes the weights for ever is no hot loop and is told', async () => {
    await survives(
      'held',
      'f15-loop',
      async scene => {
        await untilHeld(scene.stage);
        const from = scene.proxy.trace.entries.length;
        const until = performance.now() + 12_000;
        let said = false;
        while (performance.now() < until) {
          if (canaryWeight(scene.stage) !== 0) {
            await setWeights(scene, 'gitops', 0);
            scene.strikes.push('weights taken');
          }
          said ||= JSON.stringify(scene.stage.status).includes('RouteConflict');
          await rest(50);
        }
        const writes = busiestOf(scene.proxy.trace, from, one => isCountedWrite(one) && one.plural === 'httproutes');
        console.log(`f15-loop: ${writes} route writes within 10 s, conflict told: ${said}`);
        expect(said).toBe(true);
        expect(writes).toBeLessThan(15);
        // The conflict is over a minute after the last foreign write.
        await atWeight(scene.stage, 20);
        await promoteHeld(scene.stage);
      },
      { excuses: ({ strikes }) => [...setAnew(strikes.length), TOLD_AGAIN] },
    );
  });

  it.concurrent('F15 somebody scales and edits the ReplicaSets', async () => {
    await survives(
      'held',
      'f15-sets',
      async scene => {
        await untilHeld(scene.stage);
        const path = `/apis/apps/v1/namespaces/${scene.namespace}/replicasets`;
        for (const { metadata } of scene.stage.history.all('replicasets')) {
          await rig().plane.client.patch(`${path}/${metadata.name}?fieldManager=kubectl-edit`, 'merge', {
            spec: { replicas: 4 },
          });
          await rig().plane.client.patch(`${path}/${metadata.name}?fieldManager=kubectl-edit`, 'merge', {
            metadata: { annotations: { 'sluice.dev/revision': '77' } },
          });
        }
        const isScaled = () => scene.stage.history.changes().filter(isSetOfFour).length >= 2;
        await scene.until('both sets were scaled by hand', isScaled);
        scene.strikes.push('sets scaled and renumbered');
        await scene.until('the pods are as declared', () => scene.stage.count('pods') === 3);
        await promoteHeld(scene.stage);
      },
      { excuses: SCALED_BY_HAND },
    );
  });

  for (const [index, [when, arrive]] of Object.entries(PHASES).entries())
    for (const isDown of [false, true])
      it.concurrent(`F16 a Rollout is deleted ${when}${isDown ? ', with the operator down' : ''}`, async () => {
        const scene = await Scene.open(rig(), `f16-${index}${isDown ? '-down' : ''}`);
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
        // What is told of it may come late.
        const late = proxy.trace.entries.slice(from).filter(({ request }) => isCountedWrite(request));
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
    const route = surroundings(CANARY_SERVICES, true).find(({ plural }) => plural === 'httproutes')?.object;
    const backendRefs = [
      { name: 'shop-stable', port: 80, weight: 100 - canary },
      { name: 'shop-canary', port: 80, weight: canary },
    ];
    const body = { ...route, spec: { parentRefs: [{ name: 'web' }], rules: [{ backendRefs }] } };
    const query = `fieldManager=${manager}&force=true`;
    await rig().plane.client.patch(`${ROUTES}/namespaces/${namespace}/httproutes/shop?${query}`, 'apply', body);
  }
});

function isSetOfFour({ plural, object }: Change): boolean {
  return plural === 'replicasets' && (object?.['spec'] as { replicas?: number } | undefined)?.replicas === 4;
}
