import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { SamplerWorld } from '../support/sampler-world.ts';
import { canaryOnTrial, runNamed, SUCCESS_RATE } from '../support/sim-stories.ts';

let world: SamplerWorld;
beforeEach(async () => {
  world = await SamplerWorld.open();
  world.createRun();
});
afterEach(() => world.close());

// It is awaited by a pass: tries of its own would hold up the Rollout, and a worker with it, for minutes.
describe('the end of a run', () => {
  it('is asked for once when the API server cannot store it, and is for the next pass', async () => {
    world.api.inject({ verb: 'patch', times: 100, action: { kind: 'status', status: 500, reason: 'InternalError' } });
    await expect(world.terminate()).rejects.toMatchObject({ code: 'transient' });
    expect(world.patches).toBe(1);
  });

  it('that conflicts is read and tried once more', async () => {
    world.api.inject({ verb: 'patch', times: 1, action: { kind: 'status', status: 409, reason: 'Conflict' } });
    await world.terminate();
    expect(world.status()).toMatchObject({ phase: 'Inconclusive', message: 'no longer needed' });
  });
});

describe('a measurement', () => {
  it('whose write conflicts a few times is stored all the same, and asked for once', async () => {
    world.api.inject({ verb: 'patch', times: 3, action: { kind: 'status', status: 409, reason: 'Conflict' } });
    world.take();
    await eventually('its Rollout is looked at', () => world.enqueued.length > 0);
    expect(world.status().metricResults?.[0]).toMatchObject({ count: 1, successful: 1 });
    expect(world.prometheus.received).toHaveLength(1);
    expect(world.enqueued).toEqual(['shop/shop normal']);
  });

  it.each([
    [500, 'InternalError', 100],
    [409, 'Conflict', 100],
    [403, 'Forbidden', 1],
  ])('whose write fails with %i is stored a second later, and not taken again', async (status, reason, times) => {
    world.api.inject({ verb: 'patch', times, action: { kind: 'status', status, reason } });
    world.take();
    await eventually('the write is given up', () => world.logged.some(line => line.includes('could not be stored')));
    expect(world.status()).toBeUndefined();
    world.api.plan.clear();
    // A look of its Rollout does not shorten the pause.
    world.take();
    await world.clock.advance(999);
    expect(world.enqueued).toEqual([]);
    await world.clock.advance(1);
    await eventually('it is stored', () => world.enqueued.length > 0);
    expect(world.count()).toBe(1);
    expect(world.prometheus.received).toHaveLength(1);
  });

  it('that is under way is not started a second time', async () => {
    world.api.inject({ verb: 'patch', action: { kind: 'delay', ms: 200 } });
    world.take();
    world.take();
    await eventually('its Rollout is looked at', () => world.enqueued.length > 0);
    expect([world.prometheus.received.length, world.count()]).toEqual([1, 1]);
  });
});

describe('a measurement that is due', () => {
  it('and does not come wakes the reconciler every ten seconds until it does', () => {
    const cluster = canaryOnTrial({ analysis: SUCCESS_RATE }, { interval: '1h' });
    for (let round = 0; round < 3; round++) {
      cluster.samplesTaken.length = 0;
      const decision = cluster.pass();
      expect(cluster.samplesTaken).toEqual([{ run: runNamed(cluster, '-bg'), metric: 'success' }]);
      expect(decision.wakeAt).toBe(cluster.now + 10_000);
      cluster.advance(10_000);
    }
    cluster.measure(runNamed(cluster, '-bg'), 'success', 'Successful');
    cluster.samplesTaken.length = 0;
    expect((cluster.pass().wakeAt ?? Number.POSITIVE_INFINITY) - cluster.now).toBeGreaterThan(10_000);
    expect(cluster.samplesTaken).toEqual([]);
  });
});
