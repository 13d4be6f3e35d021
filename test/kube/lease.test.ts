import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { KubeClient } from '../../src/kube/client.ts';
import type { LeaderElectorOptions } from '../../src/kube/lease.ts';
import { LeaderElector } from '../../src/kube/lease.ts';
import { LEASES } from '../../src/kube/resource-types.ts';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { FaultServer } from '../support/fault-server.ts';
import { clientOf, THINGS, thing } from './kube-fixture.ts';

let server: FaultServer;
let clients: KubeClient[];

beforeEach(async () => {
  server = await FaultServer.start([LEASES, THINGS]);
  clients = [];
});

afterEach(async () => {
  for (const client of clients) client.transport.close();
  await server.close();
});

/** A candidate with its own process-like clock; its client is guarded by its own leadership. */
function candidate(identity: string, options: Partial<LeaderElectorOptions> = {}) {
  const clock = new FakeClock();
  const log: string[] = [];
  const client = clientOf(server, { guard: () => elector.isLeader() });
  clients.push(client);
  const elector: LeaderElector = new LeaderElector({
    client,
    namespace: 'ops',
    name: 'leader',
    identity,
    clock,
    random: () => 0,
    onAcquired: () => log.push('acquired'),
    onLost: why => log.push(`lost: ${why}`),
    ...options,
  });
  /** Lets time pass in steps, with real time for the requests that each step sets off. */
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 500) {
      await clock.advance(Math.min(500, ms - passed));
      await new Promise(resolve => setTimeout(resolve, 4));
    }
  };
  return { elector, clock, log, client, pass };
}

const spec = () => server.of(LEASES).objects.get('ops/leader')?.spec as Record<string, unknown> | undefined;
const leads = (one: { elector: LeaderElector }) => eventually('leads', () => one.elector.isLeader());

async function stopAll(...candidates: ReturnType<typeof candidate>[]) {
  for (const { elector } of candidates) await elector.stop();
}

test('the first candidate leads, the second waits and says once for whom', async () => {
  const standsBy: string[] = [];
  const a = candidate('a');
  const b = candidate('b', { onStandby: holder => standsBy.push(holder) });
  a.elector.start();
  await leads(a);
  b.elector.start();
  await eventually('b looked', () => b.elector.currentHolder() === 'a');
  for (let n = 0; n < 20; n += 1) await Promise.all([a.pass(1500), b.pass(1500)]);
  expect(a.log).toEqual(['acquired']);
  expect(b.log).toEqual([]);
  expect(standsBy).toEqual(['a']);
  expect(spec()).toMatchObject({ holderIdentity: 'a', leaseDurationSeconds: 15, leaseTransitions: 0 });
  await stopAll(b, a);
});

test('a leader that dies is followed after lease plus retry at most', async () => {
  const a = candidate('a');
  const b = candidate('b');
  a.elector.start();
  await leads(a);
  b.elector.start();
  await eventually('b looked', () => b.elector.currentHolder() === 'a');
  await b.pass(14_000);
  expect(b.elector.isLeader()).toBe(false);
  await b.pass(3500);
  await leads(b);
  expect(spec()).toMatchObject({ holderIdentity: 'b', leaseTransitions: 1 });
  await stopAll(b, a);
});

test('a leader that stops gives the lease back and is followed at the next try', async () => {
  const a = candidate('a');
  const b = candidate('b');
  a.elector.start();
  await leads(a);
  b.elector.start();
  await eventually('b looked', () => b.elector.currentHolder() === 'a');
  await a.elector.stop();
  expect(a.elector.isLeader()).toBe(false);
  expect(a.log).toEqual(['acquired']);
  expect(spec()).toMatchObject({ holderIdentity: '', leaseDurationSeconds: 1 });
  await b.pass(2000);
  await leads(b);
  await stopAll(b);
});

describe('a frozen leader', () => {
  test('writes nothing after it wakes, before any of its timers has run, and learns that it lost', async () => {
    const a = candidate('a');
    const b = candidate('b');
    a.elector.start();
    await leads(a);
    b.elector.start();
    await eventually('b looked', () => b.elector.currentHolder() === 'a');
    a.clock.freeze(20_000);
    await b.pass(17_500);
    await leads(b);
    await expect(a.client.create(THINGS, thing('from-the-past'))).rejects.toMatchObject({ code: 'notLeader' });
    expect(server.seen('create', 'things')).toHaveLength(0);
    await a.pass(3000);
    await eventually('a lost', () => a.log.includes('lost: takenOver'));
    await b.client.create(THINGS, thing('from-the-new-leader'));
    await stopAll(a, b);
    expect(server.of(THINGS).objects.size).toBe(1);
  });

  test('whose wall clock was set back meanwhile is judged by the monotonic clock', async () => {
    const a = candidate('a');
    a.elector.start();
    await leads(a);
    a.clock.freeze(11_000);
    a.clock.jumpWall(-3_600_000);
    expect(a.elector.isLeader()).toBe(false);
    await stopAll(a);
  });

  test('whose machine slept, so that only the wall clock moved, does not write either', async () => {
    const a = candidate('a');
    a.elector.start();
    await leads(a);
    a.clock.jumpWall(3_600_000);
    expect(a.elector.isLeader()).toBe(false);
    await a.pass(2500);
    await leads(a);
    expect(a.log).toEqual(['acquired']);
    await stopAll(a);
  });
});

test('wall clocks an hour apart in either direction make neither two leaders nor none', async () => {
  for (const skew of [3_600_000, -3_600_000]) {
    const a = candidate('a');
    const b = candidate('b');
    b.clock.jumpWall(skew);
    a.elector.start();
    await leads(a);
    b.elector.start();
    await eventually('b looked', () => b.elector.currentHolder() === 'a');
    for (let n = 0; n < 15; n += 1) {
      await Promise.all([a.pass(1000), b.pass(1000)]);
      expect([a.elector.isLeader(), b.elector.isLeader()]).toEqual([true, false]);
    }
    await stopAll(b, a);
  }
});

test('a leader whose lease is deleted steps down', async () => {
  const a = candidate('a');
  a.elector.start();
  await leads(a);
  server.of(LEASES).remove('ops/leader');
  await a.pass(2500);
  await eventually('stepped down', () => a.log.includes('lost: leaseDeleted'));
  expect(a.elector.isLeader()).toBe(false);
  await stopAll(a);
  expect(spec()).toBeUndefined();
});

test('a leader whose lease was given to another by hand steps down, one whose lease was merely touched goes on', async () => {
  const a = candidate('a');
  a.elector.start();
  await leads(a);
  server.of(LEASES).patch('ops/leader', { metadata: { labels: { touched: 'yes' } } });
  await a.pass(4500);
  expect(a.elector.isLeader()).toBe(true);
  server.of(LEASES).patch('ops/leader', { spec: { holderIdentity: 'someone' } });
  await a.pass(2500);
  await eventually('stepped down', () => a.log.includes('lost: takenOver'));
  await stopAll(a);
  expect(spec()).toMatchObject({ holderIdentity: 'someone' });
});

test('a leader cut off from the server stops writing after the renew deadline and reports the loss', async () => {
  const a = candidate('a');
  a.elector.start();
  await leads(a);
  server.inject({ plural: 'leases', times: 1000, action: { kind: 'status', status: 503 } });
  await a.pass(9500);
  expect(a.log).toEqual(['acquired']);
  await a.pass(3000);
  await eventually('lost', () => a.log.includes('lost: renewDeadlinePassed'));
  expect(a.elector.isLeader()).toBe(false);
  await stopAll(a);
});

test('a leader whose renewals hang ends before a standby may follow', async () => {
  const a = candidate('a');
  a.elector.start();
  await leads(a);
  server.inject({ verb: 'update', times: 4, action: { kind: 'status', status: 500 } });
  await a.pass(9_000);
  expect(a.log).toEqual(['acquired']);
  server.inject({ verb: 'update', times: 99, action: { kind: 'silent' } });
  await a.pass(5_500);
  expect(a.log).toEqual(['acquired', 'lost: renewDeadlinePassed']);
  await stopAll(a);
});

test('who holds the lease is told so with each renewal', async () => {
  let held = 0;
  const a = candidate('a', { onHeld: () => (held += 1) });
  a.elector.start();
  await leads(a);
  expect(held).toBe(1);
  await a.pass(4_500);
  expect(held).toBe(3);
  await stopAll(a);
});

test('a renewal whose reply was lost keeps the lead', async () => {
  const a = candidate('a');
  a.elector.start();
  await leads(a);
  server.inject({ verb: 'update', plural: 'leases', action: { kind: 'applyThenReset' } });
  await a.pass(7000);
  expect(a.elector.isLeader()).toBe(true);
  expect(a.log).toEqual(['acquired']);
  await stopAll(a);
});

test('of two candidates that race for a new lease one wins', async () => {
  const all = ['a', 'b', 'c', 'd'].map(name => candidate(name));
  for (const one of all) one.elector.start();
  await eventually('one leads', () => all.some(one => one.elector.isLeader()));
  await Promise.all(all.map(one => one.pass(3000)));
  expect(all.filter(one => one.elector.isLeader())).toHaveLength(1);
  await stopAll(...all);
});

test('impossible timings are refused', () => {
  expect(() => candidate('a', { leaseMs: 5000 })).toThrow(RangeError);
});

test('a candidate that is stopped while it takes the lease gives it back', async () => {
  const a = candidate('a');
  server.inject({ verb: 'create', action: { kind: 'delay', ms: 200 } });
  a.elector.start();
  await eventually('the lease is asked for', () => server.seen('create').length === 1);
  await a.elector.stop();
  expect(a.log).toEqual([]);
  expect(spec()).toMatchObject({ holderIdentity: '' });
});
