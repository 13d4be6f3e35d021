import { afterEach, beforeEach, expect, it } from 'vitest';
import type { KubeObject } from '../../src/kube/kube-object.ts';
import { LEASES } from '../../src/kube/resource-types.ts';
import { eventually } from '../support/eventually.ts';
import type { FaultProxy } from '../support/fault-proxy/fault-proxy.ts';
import { OperatorWorld } from '../support/operator-world.ts';
import { proxyBefore, startBehind } from './resilience-rig.ts';

let world: OperatorWorld;
let proxy: FaultProxy;
beforeEach(async () => {
  world = await OperatorWorld.start(false);
  proxy = await proxyBefore(world);
});
afterEach(async () => {
  await proxy.close();
  await world.stop();
});

function holderOf(lease: KubeObject | undefined): unknown {
  return (lease?.['spec'] as { holderIdentity?: string } | undefined)?.holderIdentity;
}

it('an API server that answers no write but the lease holds up neither the end nor the next leader', async () => {
  const isWrite = (verb: string) => ['create', 'update', 'patch', 'apply', 'delete'].includes(verb);
  const operator = await startBehind(proxy, world, true, { finishMs: 500 });
  const lease = async () => {
    const { items } = await world.client.list(LEASES, { namespace: 'sluice-system' });
    return items[0];
  };
  await eventually('it leads', () => world.logged.some(line => line.includes('"leading"')));
  proxy.inject({
    when: request => isWrite(request.verb) && request.plural !== 'leases',
    times: Number.POSITIVE_INFINITY,
    fault: { kind: 'silent' },
  });
  await world.apply(`apiVersion: sluice.dev/v1alpha1
kind: Rollout
metadata: {name: shop}
spec:
  replicas: 1
  selector: {matchLabels: {app: shop}}
  template: {metadata: {labels: {app: shop}}, spec: {containers: [{name: shop, image: "shop:1"}]}}
  strategy: {canary: {steps: [{setWeight: 20}]}}
`);
  await eventually('a write hangs', () => proxy.trace.entries.some(({ fault }) => fault === 'silent'));
  expect(holderOf(await lease())).toBeTruthy();
  const startedAt = performance.now();
  await operator.stop();
  expect(performance.now() - startedAt).toBeLessThan(6_000);
  expect(holderOf(await lease()) ?? '').toBe('');
  // What hung was given up before the lease was: nothing of it comes to the next leader.
  const { entries } = proxy.trace;
  const givenBackAt = entries.findLast(({ request }) => request.plural === 'leases')?.request.at ?? 0;
  const hung = entries.filter(({ fault }) => fault === 'silent');
  for (const { abandonedAt } of hung) expect(abandonedAt).toBeLessThanOrEqual(givenBackAt);
});
