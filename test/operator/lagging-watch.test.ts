import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isRecord } from '../../src/kube/kube-object.ts';
import type { Operator } from '../../src/operator/operator.ts';
import { eventually } from '../support/eventually.ts';
import type { FaultProxy } from '../support/fault-proxy/fault-proxy.ts';
import { OperatorShop } from '../support/operator-shop.ts';
import { NAMESPACE, OperatorWorld, TYPES } from '../support/operator-world.ts';
import { GatedShop } from './resilience-gated-shop.ts';
import { on, proxyBefore, startBehind } from './resilience-rig.ts';

/** Far less than a watch that says nothing is believed. Milliseconds. */
const SOON_MS = 15_000;
const TEST_MS = 60_000;

let world: OperatorWorld;
let proxy: FaultProxy;
let operator: Operator;
let shop: OperatorShop;

beforeEach(async () => {
  world = await OperatorWorld.start(true);
  proxy = await proxyBefore(world);
  operator = await startBehind(proxy, world);
  shop = new OperatorShop(world, 'steps: [{setWeight: 20}, {pause: {}}, {setWeight: 60}, {pause: {}}]');
  await shop.open();
  await shop.deploy('shop:1.1.0');
  await shop.until('waits', ({ phase }) => phase === 'Paused');
});
afterEach(async () => {
  await operator.stop();
  await proxy.close();
  await world.stop();
});

function freeze(plural: string): void {
  for (const watch of proxy.watches(plural)) watch.freeze();
}

/** How often requests of a kind were refused with 409 or 422. */
function refusals(verb: 'patch' | 'create', resource: string, { trace } = proxy): number {
  const isIt = on(verb, resource);
  return trace.entries.filter(({ request, status }) => isIt(request) && (status === 409 || status === 422)).length;
}

// A write that is refused proves that its cache is old, whose watch may say nothing for another hundred seconds.
describe('a watch that is half open', () => {
  it('does not keep an abort from being seen when something else wakes the Rollout', { timeout: TEST_MS }, async () => {
    freeze('replicasets');
    await shop.command('promote p-1');
    await shop.until('asks for pods', ({ display }) => display?.reason === 'WaitingForPods');
    freeze('rollouts');
    await shop.command('abort a-1');
    for (const watch of proxy.watches('replicasets')) watch.thaw();
    await eventually('the traffic is home', async () => (await shop.weight()) === 0, SOON_MS);
    await shop.until('it is told', ({ phase, abort }) => phase === 'Aborted' && abort?.cause === 'AbortedByCommand');
    expect(refusals('patch', 'rollouts/status')).toBeLessThanOrEqual(3);
  });

  it('of routes is no missing permission when somebody has changed the route', { timeout: TEST_MS }, async () => {
    freeze('httproutes');
    const at = { namespace: NAMESPACE, name: 'shop' };
    const body = { spec: { hostnames: ['shop.example'] } };
    await world.client.patch(TYPES.httpRoutes, at, { kind: 'merge', body });
    await shop.command('promote p-1');
    await eventually('the weight is given', async () => (await shop.weight()) === 60, SOON_MS);
    await shop.until('is well', ({ display }) => display?.reason !== 'WriteRefused');
    expect(refusals('patch', 'httproutes')).toBeLessThanOrEqual(3);
    expect(world.logged.filter(line => line.includes('WriteRefused'))).toEqual([]);
  });

  it('of ReplicaSets does not keep one from being sized', { timeout: TEST_MS }, async () => {
    const { canary } = await shop.status();
    const name = canary?.replicaSet ?? '';
    freeze('replicasets');
    const body = { metadata: { annotations: { 'example.com/noted': 'yes' } } };
    await world.client.patch(TYPES.replicaSets, { namespace: NAMESPACE, name }, { kind: 'merge', body });
    await shop.command('promote p-1');
    const replicas = async () => {
      const set = await world.find(TYPES.replicaSets, name);
      return isRecord(set?.['spec']) ? set['spec']['replicas'] : undefined;
    };
    await eventually('there are pods for 60 %', async () => (await replicas()) === 2, SOON_MS);
    expect(refusals('patch', 'replicasets')).toBe(1);
  });

  it('of ControllerRevisions does not keep a revision from coming', { timeout: TEST_MS }, async () => {
    freeze('controllerrevisions');
    proxy.inject({ when: on('create', 'controllerrevisions'), fault: { kind: 'dropReply' } });
    await shop.deploy('shop:1.2.0');
    await shop.until('waits', ({ phase, canary }) => phase === 'Paused' && canary?.revision === 3);
    expect(refusals('create', 'controllerrevisions')).toBe(1);
  });
});

it('a half-open watch of AnalysisRuns keeps no canary unmeasured', { timeout: TEST_MS }, async () => {
  const gated = await GatedShop.open('1s');
  for (const watch of gated.proxy.watches('analysisruns')) watch.freeze();
  gated.proxy.inject({ when: on('create', 'analysisruns'), fault: { kind: 'dropReply' } });
  await gated.tryNext();
  expect(refusals('create', 'analysisruns', gated.proxy)).toBe(1);
  await gated.close();
});

it('a verdict whose answer was lost is acted on while the watch of AnalysisRuns says nothing', {
  timeout: TEST_MS,
}, async () => {
  const gated = await GatedShop.open('1s');
  await gated.tryNext();
  for (const watch of gated.proxy.watches('analysisruns')) watch.freeze();
  const when = on('patch', 'analysisruns/status');
  gated.proxy.inject({ when, times: Number.POSITIVE_INFINITY, fault: { kind: 'dropReply' } });
  gated.goBad();
  await gated.untilAborted();
  await gated.close();
});
