import { availableParallelism } from 'node:os';
import { describe, expect, it } from 'vitest';
import { ApiFailure } from '../support/control-plane/api-client.ts';
import { RIG_USERS } from '../support/control-plane/users.ts';
import type { Request } from './measure/audit-record.ts';
import { busySeconds, cpuSeconds, residentMb, startBusyMeter } from './measure/process-meter.ts';
import { routeDelays } from './measure/route-delays.ts';
import { changesBetween, wastedWrites } from './measure/wasted-writes.ts';
import { FleetWatch } from './world/fleet-watch.ts';
import { inParallel } from './world/in-parallel.ts';
import { patiently } from './world/patiently.ts';

const request = (fields: Partial<Request>): Request => ({
  user: RIG_USERS.operator.name,
  verb: 'patch',
  resource: 'rollouts/status',
  namespace: 'bench-0',
  name: 'app-0',
  status: 200,
  atMs: 0,
  doneMs: 0,
  ...fields,
});

describe('delays from a bad sample to the route', () => {
  const run = (atMs: number) =>
    request({ resource: 'analysisruns/status', name: 'app-0-abc-2-1-bg', atMs, doneMs: atMs + 4 });
  const route = (atMs: number) => request({ resource: 'httproutes', atMs, doneMs: atMs + 6 });
  const turned = new Map([['bench-0/app-0', 1000]]);

  it.each([
    ['before', 1100],
    ['after', 1205],
  ])('begin with the sample that ended the run, not with a good one that was stored %s the bad answer', (_when, at) => {
    const delays = routeDelays([run(at), run(1210), route(1230)], turned, () => 1200);
    expect(delays).toEqual([{ key: 'bench-0/app-0', stored: 22, served: 36, turned: 236 }]);
  });

  it('begin with that sample, also when its end is told after the write of the route', () => {
    const late = { ...run(1210), doneMs: 1240 };
    expect(routeDelays([run(1100), route(1230), late], turned, () => 1200)).toMatchObject([{ served: 36 }]);
  });

  it('end with the last write of the route, since one before may still have raised it', () => {
    expect(routeDelays([run(1210), route(1212), route(1300)], turned, () => 1200)[0]?.stored).toBe(92);
  });

  it('are missing where the route was not written or the sample never came', () => {
    expect(routeDelays([run(1210)], turned, () => 1200)).toEqual([]);
    expect(routeDelays([route(1230)], turned, () => 1200)).toEqual([]);
    expect(routeDelays([run(1100), route(1230)], turned, () => 1200)).toEqual([]);
    expect(routeDelays([run(1210), route(1230)], turned, () => undefined)).toEqual([]);
  });
});

describe('writes that changed nothing', () => {
  it('are those beyond the changes that watches saw', () => {
    const writes = [request({}), request({}), request({ name: 'app-1' })];
    const changes = new Map([
      ['rollouts/bench-0/app-0', 1],
      ['rollouts/bench-0/app-1', 1],
    ]);
    expect(wastedWrites(writes, changes).count).toBe(1);
  });

  it('leave out refused ones, creations, deletions, and objects that only others wrote', () => {
    const requests = [
      request({ status: 409 }),
      request({ verb: 'create', resource: 'replicasets' }),
      request({ verb: 'delete', resource: 'replicasets' }),
      request({ user: RIG_USERS.gateway.name, resource: 'httproutes/status' }),
    ];
    expect(wastedWrites(requests, new Map()).count).toBe(0);
  });

  it('count changes of others to the same object, so that theirs are not taken for the one that is missing', () => {
    const requests = [
      request({ resource: 'httproutes' }),
      request({ user: RIG_USERS.gateway.name, resource: 'httproutes/status' }),
    ];
    expect(wastedWrites(requests, new Map([['httproutes/bench-0/app-0', 1]])).count).toBe(1);
    expect(wastedWrites(requests, new Map([['httproutes/bench-0/app-0', 2]])).count).toBe(0);
  });
});

describe('changes between two moments', () => {
  it('leave out those before, and a patch that made its object is none', () => {
    const before = new Map([['a', 2]]);
    const after = new Map([['a', 2], ['b', 1]]); // biome-ignore format: short
    expect([...changesBetween(before, after)]).toEqual([['a', 0], ['b', 1]]); // biome-ignore format: short
    expect(wastedWrites([request({ status: 201 })], new Map()).count).toBe(0);
  });
});

describe('changes that nobody asked for', () => {
  it('are told, since they may hide a write that changed nothing', () => {
    expect(wastedWrites([request({})], new Map([['rollouts/bench-0/app-0', 3]]))).toMatchObject({
      count: 0,
      unexplained: 2,
    });
  });
});

describe('waiting for a fleet', () => {
  const state = (phase: string) => ({ phase, stableImage: undefined, canaryWeight: 0, pods: 2 });

  it('ends when each member was seen once, and says when', async () => {
    const fleet = new FleetWatch();
    fleet.see('a', state('Healthy'));
    const waiting = fleet.until('healthy', ['a', 'b'], ({ phase }) => phase === 'Healthy', 10_000);
    fleet.see('b', state('Progressing'));
    expect(fleet.inFlight).toBe(1);
    fleet.see('b', state('Healthy'));
    fleet.see('b', state('Progressing'));
    expect([...(await waiting).keys()].sort()).toEqual(['a', 'b']);
  });

  it('names those that it waited for in vain', async () => {
    const fleet = new FleetWatch();
    fleet.see('a', state('Aborted'));
    await expect(fleet.until('healthy', ['a'], ({ phase }) => phase === 'Healthy', 30)).rejects.toThrow(
      /healthy: 1 of 1 not after .*a is .*Aborted/,
    );
  });

  it('does not go on for minutes when a part of the world has ended', async () => {
    const fleet = new FleetWatch(() => {
      throw new Error('gateway has ended');
    });
    await expect(fleet.until('healthy', ['a'], () => false, 60_000)).rejects.toThrow('gateway has ended');
  });
});

describe('work in parallel', () => {
  it('does all of it, never more at once than it may', async () => {
    let now = 0;
    let most = 0;
    const done: number[] = [];
    await inParallel([1, 2, 3, 4, 5, 6, 7], 3, async item => {
      most = Math.max(most, ++now);
      await new Promise(resolve => setTimeout(resolve, 1));
      now--;
      done.push(item);
    });
    expect(done.sort()).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(most).toBe(3);
  });

  it('stops at the first failure and passes it on', async () => {
    const begun: number[] = [];
    const work = async (item: number) => {
      begun.push(item);
      if (item === 2) throw new Error('no');
    };
    await expect(inParallel([1, 2, 3, 4], 1, work)).rejects.toThrow('no');
    expect(begun).toEqual([1, 2]);
  });
});

describe('a request of the bench', () => {
  const answers = (...each: (number | undefined)[]) => {
    const asked = { count: 0 };
    const ask = async () => {
      const status = each[asked.count++];
      if (status !== undefined) throw new ApiFailure(status, `answer ${status}`);
    };
    return { asked, ask };
  };

  it('is sent again when the API server was too busy, and takes its own lost creation for done', async () => {
    const { asked, ask } = answers(503, 409);
    await patiently(ask);
    expect(asked.count).toBe(2);
  });

  it('fails at once when it is refused', async () => {
    for (const status of [409, 422]) {
      const { asked, ask } = answers(status);
      await expect(patiently(ask)).rejects.toThrow(`answer ${status}`);
      expect(asked.count).toBe(1);
    }
  });
});

describe('the meter of a process', () => {
  it('reads memory and CPU of this one, and nothing of one that is gone', () => {
    expect(residentMb(process.pid)).toBeGreaterThan(10);
    const own = cpuSeconds(process.pid) ?? 0;
    expect(own).toBeGreaterThan(0);
    expect(busySeconds()).toBeGreaterThan(own);
    expect([residentMb(2 ** 22 + 1), cpuSeconds(2 ** 22 + 1)]).toEqual([undefined, undefined]);
  });

  it('tells how busy all cores were, of which a busy loop takes one', () => {
    const busy = startBusyMeter();
    const end = performance.now() + 300;
    while (performance.now() < end);
    // Others may run as well; a busy host gives us less than a core.
    expect(busy()).toBeGreaterThan(0.3 / availableParallelism());
    expect(busy()).toBeLessThanOrEqual(1);
  });
});
