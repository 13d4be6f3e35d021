import { afterEach, beforeEach, expect, test } from 'vitest';
import type { EventRecorderOptions, RecordedEvent } from '../../src/kube/event-recorder.ts';
import { EventRecorder } from '../../src/kube/event-recorder.ts';
import { EVENTS } from '../../src/kube/resource-types.ts';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { FaultServer } from '../support/fault-server.ts';
import { clientOf } from './kube-fixture.ts';

let server: FaultServer;
let told: string[];

beforeEach(async () => {
  server = await FaultServer.start([EVENTS]);
  told = [];
});

afterEach(() => server.close());

function recorderOf(options: Partial<EventRecorderOptions> = {}) {
  const client = clientOf(server);
  const observe = (what: string) => told.push(what);
  return new EventRecorder({ client, component: 'sluice', instance: 'pod-1', observe, random: () => 0.01, ...options });
}

const about = { apiVersion: 'test.example/v1', kind: 'Thing', namespace: 'shop', name: 'web', uid: 'u1' };
const event = (reason: string, note = 'a note'): RecordedEvent => ({ regarding: about, type: 'Normal', reason, note });
const stored = () => [...server.of(EVENTS).objects.values()];

test('an event looks as kubectl shows it best', async () => {
  const recorder = recorderOf();
  recorder.record(event('StepCompleted', 'x'.repeat(5000)));
  expect(await recorder.drain(10_000)).toBe(true);
  const [one] = stored();
  expect(one).toMatchObject({
    involvedObject: about,
    reason: 'StepCompleted',
    type: 'Normal',
    count: 1,
    source: { component: 'sluice' },
    reportingComponent: 'sluice',
    reportingInstance: 'pod-1',
  });
  expect(one?.metadata.namespace).toBe('shop');
  expect(one?.firstTimestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  expect(String(one?.message).length).toBe(1024);
});

test('a repeat raises the count of the event that is there; another note is another event', async () => {
  const recorder = recorderOf();
  recorder.record(event('Degraded'));
  await eventually('sent', () => told.length === 1);
  recorder.record(event('Degraded'));
  await eventually('counted', () => told.length === 2);
  recorder.record(event('Degraded', 'another note'));
  await recorder.drain(10_000);
  expect(stored().map(({ message, count }) => [message, count])).toEqual([
    ['a note', 2],
    ['another note', 1],
  ]);
});

test('repeats that wait together are sent together', async () => {
  server.inject({ verb: 'create', action: { kind: 'delay', ms: 50 } });
  const recorder = recorderOf();
  for (let n = 0; n < 100; n += 1) recorder.record(event('Degraded'));
  await recorder.drain(10_000);
  expect(stored()[0]?.count).toBe(100);
  expect(server.requests.length).toBe(2);
});

test('a repeat of an event that expired on the server is created anew', async () => {
  const recorder = recorderOf();
  recorder.record(event('Degraded'));
  await eventually('sent', () => told.length === 1);
  server.of(EVENTS).remove(`shop/${stored()[0]?.metadata.name}`);
  recorder.record(event('Degraded'));
  await recorder.drain(10_000);
  expect(stored()).toHaveLength(1);
});

test('the queue is bounded: the oldest are dropped and counted, the caller never waits', async () => {
  server.inject({ verb: 'create', times: 2, action: { kind: 'silent' } });
  const recorder = recorderOf({ maxQueued: 10 });
  for (let n = 0; n < 30; n += 1) recorder.record(event('R', `note ${n}`));
  expect(told.filter(what => what === 'dropped')).toHaveLength(18);
  await recorder.drain(50);
});

test('server errors are retried, an answer that was lost does not make a second event', async () => {
  server.inject({ verb: 'create', times: 2, action: { kind: 'status', status: 503 } });
  server.inject({ verb: 'create', action: { kind: 'applyThenReset' } });
  const recorder = recorderOf();
  recorder.record(event('R'));
  await recorder.drain(10_000);
  expect(told).toEqual(['sent']);
  expect(stored()).toHaveLength(1);
});

test('an outage behind a load balancer is outlasted', async () => {
  server.inject({ verb: 'create', times: 9, action: { kind: 'status', status: 503 } });
  const recorder = recorderOf();
  recorder.record(event('R'));
  await recorder.drain(60_000);
  expect(told).toEqual(['sent']);
}, 60_000);

test('an outage of the server is outlasted, and over as soon as it is', async () => {
  const clock = new FakeClock();
  const client = clientOf(server, { clock });
  server.inject({ verb: 'create', times: 9, action: { kind: 'reset' } });
  const recorder = recorderOf({ client, clock, random: () => 1 });
  recorder.record(event('R'));
  const isRefused = async () => {
    if (server.seen('create').length < 9) await clock.advance(3_000);
    return server.seen('create').length === 9;
  };
  await eventually('it is refused for more than a minute', isRefused);
  expect(clock.monotonic()).toBeGreaterThan(60_000);
  expect(told).toEqual([]);
  await client.list(EVENTS);
  await eventually('it is sent', () => told.length > 0);
  expect(told).toEqual(['sent']);
});

test('an event that the server cannot store holds up the others for seconds, not for minutes', async () => {
  const clock = new FakeClock();
  server.inject({
    verb: 'create',
    times: Number.POSITIVE_INFINITY,
    when: seen => JSON.stringify(seen.body).includes('poison'),
    action: { kind: 'status', status: 500 },
  });
  const recorder = recorderOf({ client: clientOf(server, { clock }), clock, random: () => 1 });
  for (const note of ['poison 1', 'poison 2', 'good']) recorder.record(event('R', note));
  await eventually('all are done with', async () => {
    await clock.advance(1_000);
    return told.length === 3;
  });
  expect(told.sort()).toEqual(['failed', 'failed', 'sent']);
  expect(clock.monotonic()).toBeLessThan(60_000);
});

test('a refusal is given up at once and harms nobody', async () => {
  server.inject({ verb: 'create', action: { kind: 'status', status: 403, reason: 'Forbidden' } });
  const recorder = recorderOf();
  recorder.record(event('R'));
  recorder.record(event('S'));
  expect(await recorder.drain(10_000)).toBe(true);
  expect(told.sort()).toEqual(['failed', 'sent']);
  recorder.record(event('T'));
  expect(told).toContain('dropped');
});

test('a leader whose renewal is late tells what happened when it has been renewed', async () => {
  let leads = false;
  const recorder = recorderOf({ client: clientOf(server, { guard: () => leads }) });
  recorder.record(event('Promoted'));
  await new Promise(resolve => setTimeout(resolve, 50));
  expect(told).toEqual([]);
  leads = true;
  expect(await recorder.drain(10_000)).toBe(true);
  expect([told, stored().length]).toEqual([['sent'], 1]);
});
