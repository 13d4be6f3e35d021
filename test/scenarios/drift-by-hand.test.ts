import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { describeOnRig, SCENARIO_MS } from '../support/rig/describe-on-rig.ts';
import { isPausedAndMeasured as isPaused, weightsSince } from '../support/rig/expect-team.ts';
import type { Rig } from '../support/rig/rig.ts';
import { routeOf } from '../support/rig/shop-manifests.ts';
import type { Team } from '../support/rig/team.ts';
import {
  accepted,
  countEvents,
  eventWrites,
  halfway,
  isPromoted,
  operatorWrites,
  podsOf,
  QUIET_MS,
  selectedBy,
  untilTold,
  untilWaitsCalmly,
} from './scene.ts';

const setOf = (team: Team, side: 'stable' | 'canary') => team.column(`.status.${side}.replicaSet`);
const withoutMeasurements = (writes: ReturnType<typeof operatorWrites>) =>
  writes.filter(({ resource }) => !resource.startsWith('analysisruns'));
const writesOf = (...args: Parameters<typeof operatorWrites>) => withoutMeasurements(operatorWrites(...args));

/** The canary waits for its route, which is told once, and goes on waiting quietly. */
async function expectHeldFor(rig: Rig, team: Team, reason: 'RouteMalformed' | 'RouteMissing'): Promise<void> {
  await team.untilStatus('held', status => status.display?.reason === reason);
  await untilTold(team, 'RouteNotAccepted');
  const sinceMs = Date.now();
  await sleep(QUIET_MS);
  expect(writesOf(rig, team, sinceMs).length).toBeLessThanOrEqual(3);
  // The route that is not as it must be, and the weight that went with its backend.
  expect(eventWrites(rig, team, sinceMs).length).toBeLessThanOrEqual(2);
  expect(await countEvents(team, 'RouteNotAccepted')).toBe(1);
}

describeOnRig('a canary whose objects are changed by hand', rig => {
  it.concurrent(
    'has its number of pods set right, of the canary, of stable and of a revision that left, each time in one write, told once',
    async () => {
      const { team, client } = await halfway(rig(), 'scaled-by-hand', { canary: { scaleDownDelaySeconds: 2 } });
      const [old, canary] = [await setOf(team, 'stable'), await setOf(team, 'canary')];
      const hands = [
        [canary, 5, 2],
        [canary, 1, 2],
        [old, 5, 3],
      ] as const;
      for (const [index, [set, pods, right]] of hands.entries()) {
        const sinceMs = Date.now();
        await team.kubectl('scale', 'replicaset', set, `--replicas=${pods}`);
        await team.until(`${right} pods instead of ${pods}`, async () => (await podsOf(team, set)) === right);
        await sleep(QUIET_MS);
        expect(accepted(writesOf(rig(), team, sinceMs), 'replicasets')).toHaveLength(1);
        expect(writesOf(rig(), team, sinceMs).length).toBeLessThanOrEqual(8);
        expect(await countEvents(team, 'ReplicaSetScaled')).toBe(index + 1);
      }
      await team.until('all pods are back', async () => (await team.column('.status.readyReplicas')) === '5');
      await untilWaitsCalmly(team);
      await team.command('promote');
      await team.untilStatus('promoted', isPromoted(2));
      await team.until('the old pods have left', async () => (await podsOf(team, old)) === 0);

      const sinceMs = Date.now();
      const tolds = await countEvents(team, 'ReplicaSetScaled');
      await team.kubectl('scale', 'replicaset', old, '--replicas=2');
      await team.until('they leave again', async () => (await podsOf(team, old)) === 0);
      await sleep(QUIET_MS);
      expect(writesOf(rig(), team, sinceMs).length).toBeLessThanOrEqual(8);
      expect(await countEvents(team, 'ReplicaSetScaled')).toBe(tolds + 1);
      expect(await countEvents(team, 'Promoted')).toBe(2);
      await client.check();
      await team.stop();
    },
    SCENARIO_MS,
  );

  it.concurrent(
    'has the pod templates of its ReplicaSets set back, each in one write and told once, and no pod is made of what somebody wrote',
    async () => {
      const { team, client } = await halfway(rig(), 'template-by-hand');
      const template = (set: string) => team.kubectl('get', 'replicaset', set, '-o', 'jsonpath={.spec.template}');
      const sets = [await setOf(team, 'stable'), await setOf(team, 'canary')];
      for (const [index, set] of sets.entries()) {
        const declared = await template(set);
        const sinceMs = Date.now();
        await team.kubectl('set', 'image', `replicaset/${set}`, '*=somebody-else:1.0.0');
        await team.until('it is as declared', async () => (await template(set)) === declared);
        await sleep(QUIET_MS);
        expect(accepted(writesOf(rig(), team, sinceMs), 'replicasets')).toHaveLength(1);
        expect(writesOf(rig(), team, sinceMs).length).toBeLessThanOrEqual(3);
        expect(await countEvents(team, 'AutomationConflict')).toBe(index + 1);
      }
      await team.command('promote');
      await team.untilStatus('promoted', isPromoted(2));
      const images = await team.kubectl('get', 'pods', '-o', 'jsonpath={.items[*].spec.containers[*].image}');
      expect(images).not.toContain('somebody-else');
      await client.check();
      await team.stop();
    },
    SCENARIO_MS,
  );

  it.concurrent(
    'gets the ReplicaSet of the canary back, costs stable no request, and is promoted; one that left is not missed',
    async () => {
      const { team, client } = await halfway(rig(), 'deleted-by-hand', { canary: { scaleDownDelaySeconds: 2 } });
      const [old, canary] = [await setOf(team, 'stable'), await setOf(team, 'canary')];
      const sinceMs = Date.now();
      await team.kubectl('delete', 'replicaset', canary);
      await team.until('it is there again', async () => (await team.kubectl('get', 'replicasets')).includes(canary));
      await team.until('it has users again', async () => (await team.weight()) === 40);
      await team.untilNow('waits at 40 % again', status => isPaused(status) && status['readyReplicas'] === 5);
      const backMs = Date.now();
      expect(accepted(writesOf(rig(), team, sinceMs), 'replicasets').filter(one => one.verb === 'create')).toHaveLength(
        1,
      );
      expect(weightsSince(team, sinceMs).filter(weight => weight > 40)).toEqual([]);
      expect(await team.column('.status.canary.revision')).toBe('2');
      await untilWaitsCalmly(team);
      expect(await countEvents(team, 'ReplicaSetScaled')).toBe(1);
      await team.command('promote');
      await team.untilStatus('promoted', isPromoted(2));
      await team.until('the old pods have left', async () => (await podsOf(team, old)) === 0);

      const laterMs = Date.now();
      await team.kubectl('delete', 'replicaset', old);
      await sleep(QUIET_MS);
      expect(writesOf(rig(), team, laterMs).length).toBeLessThanOrEqual(3);
      expect(await team.column('.status.phase')).toBe('Healthy');
      expect(await countEvents(team, 'StableLost')).toBe(0);
      // A gateway that has no pod of the canary any more says so until it has the weight that leaves it out.
      const { excused, byVersion } = await client.check({ settleMs: 600, except: { fromMs: sinceMs, toMs: backMs } });
      expect(excused.length).toBeLessThan(50);
      expect(byVersion['1.1.0']).toBeGreaterThan(50);
      await team.stop();
    },
    SCENARIO_MS,
  );

  it.concurrent(
    'has its weights set right at once, and says so once',
    async () => {
      const { team, client } = await halfway(rig(), 'weights-by-hand');
      const sinceMs = Date.now();
      await team.apply(routeOf(team.name, 90));
      await team.until('seen', () => weightsSince(team, sinceMs).includes(90));
      await team.until('set right', async () => (await team.weight()) === 40);
      await sleep(QUIET_MS);
      expect(weightsSince(team, sinceMs)).toEqual([90, 40]);
      expect(accepted(writesOf(rig(), team, sinceMs), 'httproutes')).toHaveLength(1);
      expect(await countEvents(team, 'RouteConflict')).toBe(1);
      expect([await countEvents(team, 'Paused'), await countEvents(team, 'Resumed')]).toEqual([1, 0]);
      // The two changes of the weight may be told too.
      expect(eventWrites(rig(), team, sinceMs).length).toBeLessThanOrEqual(3);
      expect(await team.column('.status.pause.reason')).toBe('PauseStep');
      await client.check();
      await team.stop();
    },
    SCENARIO_MS,
  );

  it.concurrent(
    'waits when its backend is taken off the route, says so once, and goes on when it is put back',
    async () => {
      const { team, client } = await halfway(rig(), 'backend-by-hand');
      const remove = [{ op: 'remove', path: '/spec/rules/0/backendRefs/1' }];
      await team.kubectl('patch', 'httproute', 'shop', '--type=json', '-p', JSON.stringify(remove));
      await expectHeldFor(rig(), team, 'RouteMalformed');
      expect(await team.column('.status.message')).toContain('shop-canary');
      expect(await team.column('.status.stable.revision')).toBe('1');

      await team.apply(routeOf(team.name));
      await untilWaitsCalmly(team);
      expect(await team.weight()).toBe(40);
      await team.command('promote');
      await team.untilStatus('promoted', isPromoted(2));
      await client.check();
      await team.stop();
    },
    SCENARIO_MS,
  );

  it.concurrent(
    'waits when its route is deleted, says so once, and goes on when Git brings it back',
    async () => {
      const { team, client } = await halfway(rig(), 'route-by-hand');
      const fromMs = Date.now();
      await team.kubectl('delete', 'httproute', 'shop');
      await expectHeldFor(rig(), team, 'RouteMissing');
      await team.command('promote');
      const outcome = () => team.column('.status.lastCommand.outcome');
      await team.until('refused', async () => (await outcome()).startsWith('refused'));
      expect(await team.column('.status.stable.revision')).toBe('1');

      await team.apply(routeOf(team.name));
      await team.until('it has users again', async () => (await team.weight()) === 40);
      const toMs = Date.now() + 1_000;
      await untilWaitsCalmly(team);
      expect(weightsSince(team, fromMs).filter(weight => weight > 40)).toEqual([]);
      await team.command('promote');
      await team.untilStatus('promoted', isPromoted(2));
      await client.check({ settleMs: 600, except: { fromMs, toMs } });
      await team.stop();
    },
    SCENARIO_MS,
  );

  it.concurrent(
    'has the revisions of its Services set right, one write each, and stable users stay on stable',
    async () => {
      const { team, client } = await halfway(rig(), 'selector-by-hand');
      const before = [await selectedBy(team, 'shop-stable'), await selectedBy(team, 'shop-canary')];
      const sinceMs = Date.now();
      const remove = [{ op: 'remove', path: '/spec/selector/sluice.dev~1pod-template-hash' }];
      for (const service of ['shop-stable', 'shop-canary'])
        await team.kubectl('patch', 'service', service, '--type=json', '-p', JSON.stringify(remove));
      await team.until('both are back', async () => {
        const now = [await selectedBy(team, 'shop-stable'), await selectedBy(team, 'shop-canary')];
        return now.join() === before.join();
      });
      await sleep(QUIET_MS);
      expect(accepted(writesOf(rig(), team, sinceMs), 'services')).toHaveLength(2);
      expect(writesOf(rig(), team, sinceMs).length).toBeLessThanOrEqual(6);
      expect(weightsSince(team, sinceMs).filter(weight => weight > 40)).toEqual([]);
      await untilWaitsCalmly(team);
      await team.command('promote');
      await team.untilStatus('promoted', isPromoted(2));
      await client.check({ settleMs: 600 });
      await team.stop();
    },
    SCENARIO_MS,
  );

  it.concurrent(
    'has Services mended that were made to select nothing, or the pods of somebody else, and says so',
    async () => {
      const { team, client } = await halfway(rig(), 'foreign-selector');
      const endpoints = async () => {
        const slices = `/apis/discovery.k8s.io/v1/namespaces/${team.name}/endpointslices`;
        const own = await rig().plane.client.list(`${slices}?labelSelector=kubernetes.io/service-name=shop-stable`);
        const all = own.flatMap(slice => (slice['endpoints'] ?? []) as { conditions: { ready?: boolean } }[]);
        return all.filter(({ conditions }) => conditions.ready === true).length;
      };
      const select = (selector: object | null) =>
        team.kubectl('patch', 'service', 'shop-stable', '--type=merge', '-p', JSON.stringify({ spec: { selector } }));
      const hash = await selectedBy(team, 'shop-stable');
      await select(null);
      await team.until('the revision is back', async () => (await selectedBy(team, 'shop-stable')) === hash);
      await team.until('it has its pods', async () => (await endpoints()) === 3);

      const fromMs = Date.now();
      await select({ app: 'somebody-else' });
      const told = async () => {
        const path = '{range .items[?(@.type=="Warning")]}{.message}{"\\n"}{end}';
        return (await team.kubectl('get', 'events', '-o', `jsonpath=${path}`)).includes('shop-stable');
      };
      await team.until('told', told, 20_000);
      const app = () => team.kubectl('get', 'service', 'shop-stable', '-o', 'jsonpath={.spec.selector.app}');
      await team.until('it selects its own again', async () => (await app()) === 'shop', 20_000);
      await team.until('it has its pods again', async () => (await endpoints()) === 3, 20_000);
      const toMs = Date.now() + 1_000;
      await sleep(QUIET_MS);
      expect(accepted(writesOf(rig(), team, fromMs), 'services').length).toBeLessThanOrEqual(3);
      await client.check({ settleMs: 600, except: { fromMs, toMs } });
      await team.stop();
    },
    SCENARIO_MS,
  );
});
