import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { LEASES } from '../../src/kube/resource-types.ts';
import { eventually } from '../support/eventually.ts';
import { OperatorWorld, TYPES } from '../support/operator-world.ts';

const LEASE = { namespace: 'sluice-system', name: 'sluice-operator' };

let world: OperatorWorld;
let port: number | undefined;

beforeEach(async () => {
  world = await OperatorWorld.start(false);
  await world.client.create(LEASES, {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: LEASE,
    spec: {
      holderIdentity: 'other',
      leaseDurationSeconds: 15,
      renewTime: new Date().toISOString().replace('Z', '000Z'),
    },
  });
});
afterEach(() => world.stop());

const rollout = (name: string) => `
apiVersion: sluice.dev/v1alpha1
kind: Rollout
metadata: {name: ${name}}
spec:
  replicas: 0
  selector: {matchLabels: {app: ${name}}}
  template:
    metadata: {labels: {app: ${name}}}
    spec: {containers: [{name: web, image: "shop:1"}]}
  strategy: {canary: {}}
`;

/** Starts an operator that stands by, since the lease is another's. */
async function standBy(): Promise<void> {
  ({ port } = await world.startOperator({ leaderElection: true, httpPort: 0 }));
  await eventually('it stands by', () => world.logged.some(line => line.includes('standing by')));
}

/** The other process gives its lease back. */
async function takeOver(): Promise<void> {
  await world.client.patch(LEASES, LEASE, { kind: 'merge', body: { spec: { holderIdentity: '' } } });
  await eventually('it leads', async () => (await sumOf('sluice_leader')) === 1);
}

/** All series of that name together, of those whose labels have this text. */
async function sumOf(name: string, labels = ''): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const lines = text.split('\n').filter(line => new RegExp(`^${name}[{ ]`).test(line) && line.includes(labels));
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

it('nothing waits for a pass of a standby, and who takes over counts no waiting from before', async () => {
  await world.apply([rollout('a'), rollout('b'), rollout('c')].join('---'));
  await standBy();
  expect(await sumOf('sluice_watch_events_total', 'rollouts')).toBeGreaterThanOrEqual(3);
  expect(await sumOf('sluice_queue_depth')).toBe(0);
  await sleep(1_500);
  await takeOver();
  await eventually('all had a pass', async () => (await sumOf('sluice_queue_wait_seconds_count')) >= 3);
  expect(await sumOf('sluice_queue_wait_seconds_sum')).toBeLessThan(3);
});

it('who takes over makes no pass for a Rollout that came and went while it stood by', async () => {
  await standBy();
  await world.apply(rollout('gone'));
  const heard = async () => await sumOf('sluice_watch_events_total', 'rollouts');
  await eventually('it is seen', async () => (await heard()) >= 1);
  const before = await heard();
  await world.client.delete(TYPES.rollouts, { namespace: 'shop', name: 'gone' });
  await eventually('it is seen to go', async () => (await heard()) > before);
  await takeOver();
  await sleep(200);
  expect(await sumOf('sluice_queue_wait_seconds_count')).toBe(0);
});
