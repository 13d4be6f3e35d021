import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Metric } from '../../src/api/analysis-template.ts';
import { Measurer } from '../../src/operator/measurer.ts';
import { RESOURCES } from '../../src/operator/resources.ts';
import { eventually } from '../support/eventually.ts';
import { SamplerWorld } from '../support/sampler-world.ts';

let world: SamplerWorld;
beforeEach(async () => {
  world = await SamplerWorld.open();
});
afterEach(() => {
  vi.restoreAllMocks();
  return world.close();
});

const asked = () => world.prometheus.received.length;
const lookedAt = (times: number) => eventually('its Rollout is looked at', () => world.enqueued.length >= times);

/** A run of an interval of two seconds whose first measurement is stored. */
async function measuredOnce(metric: Partial<Metric> = {}): Promise<void> {
  world.createRun({ interval: '2s', ...metric });
  world.rolloutWaitsFor('run');
  world.take();
  await lookedAt(1);
  expect([asked(), world.count()]).toEqual([1, 1]);
}

async function measuredAgain(times: number): Promise<void> {
  await world.clock.advance(2_000);
  await eventually('it is measured', () => asked() === times);
  await settled();
}

/** The answer of Prometheus is taken in. */
const settled = () => sleep(20);

describe('a run that its Rollout waits for', () => {
  it('is measured at its interval without being asked for, from start to start', async () => {
    await measuredOnce();
    for (const already of [1, 2, 3]) {
      await world.clock.advance(1_999);
      expect(asked()).toBe(already);
      await world.clock.advance(1);
      await eventually('it is measured', () => asked() === already + 1);
      await settled();
    }
  });

  it('is not measured twice when it is asked for as well', async () => {
    await measuredOnce();
    world.take();
    await world.clock.advance(2_000);
    world.take();
    await eventually('it is measured', () => asked() === 2);
    await settled();
    world.take();
    await world.clock.advance(1_999);
    expect(asked()).toBe(2);
  });

  it('is held by a redirect where Prometheus has answered before', async () => {
    await measuredOnce();
    world.answer.status = 302;
    for (const more of [2, 3, 4, 5, 6]) await measuredAgain(more);
    await eventually('it is stored', () => world.status().metricResults?.[0]?.noData === 5);
    expect(world.status()).toMatchObject({ phase: 'Running', metricResults: [{ successful: 1, error: 0 }] });
  });

  it('is held by a MetricProvider that was closed to its namespace after it had answered', async () => {
    await measuredOnce();
    world.provider({ namespaces: ['elsewhere'] });
    for (const noData of [1, 2, 3, 4, 5]) {
      await world.clock.advance(2_000);
      await eventually('it is stored', () => world.status().metricResults?.[0]?.noData === noData);
    }
    expect(world.status()).toMatchObject({ phase: 'Running', metricResults: [{ successful: 1, error: 0 }] });
  });

  it('has good answers that only show stored every five seconds, all in one write, each with its own time', async () => {
    await measuredOnce();
    for (const more of [2, 3]) await measuredAgain(more);
    await world.clock.advance(999);
    expect([world.patches, world.count()]).toEqual([1, 1]);
    await world.clock.advance(1);
    await eventually('they are stored', () => world.count() === 3);
    expect(world.patches).toBe(2);
    const starts = world.status().metricResults?.[0]?.measurements?.map(({ startedAt }) => Date.parse(startedAt ?? ''));
    expect(starts?.map(at => at - (starts[0] ?? 0))).toEqual([0, 2_000, 4_000]);
  });

  it.each([
    ['a bad one', 0.1, { phase: 'Failed', metricResults: [{ successful: 2, failed: 1 }] }],
    ['one without data', undefined, { phase: 'Running', metricResults: [{ successful: 2, noData: 1 }] }],
  ])('has %s stored at once, with the good ones before it', async (_what, value, expected) => {
    await measuredOnce();
    await measuredAgain(2);
    world.measures(value);
    await world.clock.advance(2_000);
    await eventually('it is stored', () => world.patches === 2);
    expect(world.status()).toMatchObject(expected);
  });

  it('has the good one after one without data stored at once: nothing is missing any more', async () => {
    await measuredOnce();
    world.measures(undefined);
    await world.clock.advance(2_000);
    await eventually('it is stored', () => world.status().metricResults?.[0]?.noData === 1);
    world.measures(1);
    await world.clock.advance(2_000);
    await eventually('it is stored', () => world.count() === 2);
    expect(world.status().metricResults?.[0]?.noDataSince).toBeUndefined();
  });

  it('has the last one that it needs stored at once', async () => {
    await measuredOnce({ count: 2 });
    await world.clock.advance(2_000);
    await eventually('it is stored', () => world.count() === 2);
    expect(world.status().phase).toBe('Successful');
    await world.clock.advance(10_000);
    expect(asked()).toBe(2);
  });

  it('has what came together while a write was under way stored in one', async () => {
    await measuredOnce();
    world.measures(undefined);
    world.api.inject({ verb: 'patch', action: { kind: 'delay', ms: 1_000 } });
    for (const more of [2, 3, 4, 5]) await measuredAgain(more);
    await eventually('all are stored', () => world.status().metricResults?.[0]?.noData === 4);
    expect(world.patches).toBe(3);
  });

  it('has no more than twenty measurements kept while the API server refuses them, and all of those stored then', async () => {
    await measuredOnce();
    world.api.inject({ verb: 'patch', times: 10_000, action: { kind: 'status', status: 403, reason: 'Forbidden' } });
    for (let more = 2; more <= 21; more++) await measuredAgain(more);
    await world.clock.advance(20_000);
    await settled();
    expect(asked()).toBe(21);
    world.api.plan.clear();
    // Also when the answer to that is lost, and no more than the last ten of them can be seen.
    world.api.inject({ verb: 'patch', action: { kind: 'applyThenReset' } });
    const release = world.holdAnswers();
    await world.clock.advance(30_000);
    await eventually('what was kept is stored', () => world.enqueued.length >= 2);
    expect(world.count()).toBe(21);
    release();
    await eventually('it is measured again', () => asked() === 22);
  });

  it('a measurement that throws is tried again after ten seconds, not at once', async () => {
    await measuredOnce();
    const measure = vi.spyOn(Measurer.prototype, 'measure');
    measure.mockRejectedValueOnce(new Error('broken')).mockRejectedValueOnce(new Error('broken'));
    await world.clock.advance(2_000);
    for (const tries of [1, 2]) {
      await world.clock.advance(9_000);
      world.take();
      await world.clock.advance(999);
      expect(measure).toHaveBeenCalledTimes(tries);
      await world.clock.advance(1);
    }
    await eventually('it is measured', () => asked() === 2);
    expect(measure).toHaveBeenCalledTimes(3);
  });

  it('has metrics that need no answer measured once as well', async () => {
    const provider = { prometheus: { query: 'up', providerRef: 'none' } };
    world.createRun({ provider }, [], 'run', ['second', 'third']);
    world.rolloutWaitsFor('run');
    world.take();
    await lookedAt(1);
    await settled();
    expect(world.status().metricResults?.map(({ noData }) => noData)).toEqual([1, 1, 1]);
  });
});

describe('a run is not measured any more by itself', () => {
  it.each([
    ['when its Rollout waits for another one', () => world.rolloutWaitsFor('another')],
    [
      'when its Rollout is being deleted',
      () => world.rolloutIs({ deletionTimestamp: '2026-01-01T00:00:00Z' }, ['run']),
    ],
    ['when its Rollout cannot be read', () => world.rolloutIs({}, ['run'], 'Invalid')],
    ['when it has ended', () => world.terminate()],
  ])('%s', async (_when, happens) => {
    await measuredOnce();
    await happens();
    await world.clock.advance(10_000);
    await settled();
    expect(asked()).toBe(1);
    expect(world.clock.pending).toBe(0);
  });

  it('when that happens while its provider takes longer than the interval', async () => {
    await measuredOnce();
    const release = world.holdAnswers();
    await world.clock.advance(2_000);
    await eventually('it is asked', () => asked() === 2);
    await world.clock.advance(2_000);
    world.rolloutWaitsFor('another');
    release();
    await settled();
    expect(asked()).toBe(2);
  });

  it('when it is gone and its watch has not said so', async () => {
    await measuredOnce();
    world.api.of(RESOURCES.analysisRuns).remove('shop/run');
    world.measures(undefined);
    await world.clock.advance(2_000);
    await eventually('it is stored in vain', () => world.patches === 2);
    await settled();
    await world.clock.advance(10_000);
    await settled();
    expect([asked(), world.patches]).toEqual([2, 2]);
    expect(world.clock.pending).toBe(0);
  });
});

it('a run that was given up and is waited for again is measured once, also when a write of before hung all along', async () => {
  await measuredOnce({ failureLimit: 9 });
  world.measures(undefined);
  world.api.inject({ verb: 'patch', action: { kind: 'delay', ms: 1_000 } });
  await measuredAgain(2);
  world.measures(0.1);
  await measuredAgain(3);
  await eventually('both are stored', () => world.status().metricResults?.[0]?.failed === 1);
  world.rolloutIs({}, ['run'], 'Invalid');
  await world.clock.advance(2_000);
  world.rolloutWaitsFor('run');
  world.take();
  await eventually('it is measured', () => asked() === 4);
  await sleep(1_200);
  for (const more of [5, 6]) await measuredAgain(more);
  expect([asked(), world.clock.pending]).toEqual([6, 1]);
});

describe('a bad measurement', () => {
  it('does not wait for the good ones of other runs', async () => {
    world.api.inject({ verb: 'patch', times: 8, action: { kind: 'delay', ms: 2_000 } });
    const good = Array.from({ length: 9 }, (_, index) => `good-${index}`);
    for (const name of good) {
      world.createRun({}, [], name);
      world.take(name);
    }
    await eventually('writes are under way', () => world.patches === 8);
    world.measures(0.1);
    world.createRun({}, [], 'bad');
    world.take('bad');
    await eventually('it is stored', () => world.status('bad')?.phase === 'Failed', 1_500);
    await eventually('its Rollout goes first', () => world.enqueued.includes('shop/shop urgent'), 1_500);
  });

  it('does not wait for a good one of its own run, whose write hangs', async () => {
    await measuredOnce();
    world.measures(undefined);
    world.api.inject({ verb: 'patch', action: { kind: 'delay', ms: 3_000 } });
    await measuredAgain(2);
    world.measures(0.1);
    await measuredAgain(3);
    await eventually('it is stored', () => world.status().phase === 'Failed', 1_500);
    expect(world.status().metricResults?.[0]).toMatchObject({ successful: 1, noData: 1, failed: 1 });
  });

  const REFUSED = { kind: 'status', status: 403, reason: 'Forbidden' } as const;
  async function refusedThreeTimes(): Promise<void> {
    await measuredOnce();
    world.measures(undefined);
    world.api.inject({ verb: 'patch', times: 3, action: REFUSED });
    await measuredAgain(2);
    const release = world.holdAnswers();
    for (const [pause, patches] of [
      [1_000, 3],
      [2_000, 4],
    ] as const) {
      await world.clock.advance(pause);
      await eventually('a write has failed', () => world.patches === patches);
      await settled();
    }
    world.measures(0.1);
    release();
  }

  it('does not wait for the pause after a failure either', async () => {
    await refusedThreeTimes();
    await eventually('it is stored', () => world.status().phase === 'Failed');
  });

  it('waits as long as the API server asks for', async () => {
    await measuredOnce();
    world.measures(undefined);
    const action = { kind: 'status', status: 429, headers: { 'retry-after': '7' } } as const;
    world.api.inject({ verb: 'patch', action });
    await measuredAgain(2);
    world.measures(0.1);
    await measuredAgain(3);
    await world.clock.advance(4_999);
    await settled();
    expect(world.patches).toBe(2);
    await world.clock.advance(1);
    await eventually('it is stored', () => world.status().phase === 'Failed');
  });

  it('is tried again after five seconds at the latest', async () => {
    await measuredOnce();
    world.measures(0.1);
    world.api.inject({ verb: 'patch', times: 6, action: REFUSED });
    await world.clock.advance(2_000);
    for (const [index, pause] of [1_000, 2_000, 4_000, 5_000, 5_000, 5_000].entries()) {
      await eventually('the write is refused', () => world.patches === index + 2);
      await settled();
      await world.clock.advance(pause);
    }
    await eventually('it is stored', () => world.status().phase === 'Failed');
    expect(world.enqueued).toContain('shop/shop urgent');
  });

  it('is urgent news once: a second urgent pass would wait for no Retry-After', async () => {
    await measuredOnce();
    world.measures(0.1);
    await measuredAgain(2);
    await eventually('its Rollout goes first', () => world.enqueued.includes('shop/shop urgent'));
    await lookedAt(3);
    expect(world.enqueued.filter(one => one === 'shop/shop urgent')).toHaveLength(1);
  });

  it('is stored as soon as the API server is back', async () => {
    await measuredOnce();
    world.measures(0.1);
    world.api.inject({ times: 1_000, action: { kind: 'status', status: 503, reason: 'ServiceUnavailable' } });
    await world.clock.advance(2_000);
    for (const [index, pause] of [1_000, 2_000, 4_000].entries()) {
      await eventually('the write is given up', () => world.patches === index + 2);
      await settled();
      await world.clock.advance(pause);
    }
    await eventually('and once more', () => world.patches === 5);
    await settled();
    expect(world.status().phase).toBe('Running');
    world.api.plan.clear();
    world.measures(1);
    world.createRun({}, [], 'another');
    world.take('another');
    await eventually('it is stored', () => world.status().phase === 'Failed');
  });
});

describe('what waits to be stored', () => {
  async function unsaved(): Promise<void> {
    world.createRun();
    world.api.inject({ verb: 'patch', times: 1, action: { kind: 'status', status: 403, reason: 'Forbidden' } });
    world.take();
    await eventually('the write is given up', () => world.logged.some(line => line.includes('could not be stored')));
  }

  it('counts when the run is ended', async () => {
    await unsaved();
    await world.terminate();
    expect(world.status()).toMatchObject({ phase: 'Successful', metricResults: [{ count: 1, successful: 1 }] });
  });

  it('is not stored in another run that has its name by now', async () => {
    await unsaved();
    const runs = world.api.of(RESOURCES.analysisRuns);
    const before = runs.objects.get('shop/run');
    if (!before) throw new Error('there is no run');
    world.caches.analysisRuns.store.applyEvent('DELETED', before);
    runs.remove('shop/run');
    world.createRun();
    await world.clock.advance(60_000);
    await settled();
    expect(world.status()).toBeUndefined();
    expect(world.clock.pending).toBe(0);
  });

  it('is forgotten when the operator stops: whoever leads next measures again', async () => {
    await unsaved();
    await world.sampler.stop();
    expect(world.clock.pending).toBe(0);
    expect(world.status()).toBeUndefined();
  });
});
