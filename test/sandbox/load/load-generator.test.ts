import { afterEach, describe, expect, test } from 'vitest';
import { LoadGenerator } from '../../../src/sandbox/load/load-generator.ts';
import { LoadWindow } from '../../../src/sandbox/load/load-window.ts';
import type { LoopbackServer } from '../../../src/sandbox/workloads/loopback-server.ts';
import { listenOnLoopback } from '../../../src/sandbox/workloads/loopback-server.ts';
import { eventually } from '../../support/eventually.ts';

let server: LoopbackServer | undefined;
let load: LoadGenerator | undefined;
afterEach(async () => {
  await load?.stop();
  await server?.close();
});

describe('the load generator', () => {
  test('it keeps its rate and tells which image answered with which code', async () => {
    let turn = 0;
    server = await listenOnLoopback((_request, response) => {
      turn += 1;
      response.writeHead(turn % 4 === 0 ? 500 : 200, { 'x-sluice-image': turn % 2 === 0 ? 'shop:2' : 'shop:1' });
      response.end();
    });
    load = new LoadGenerator({ url: `${server.url}/`, requestsPerSecond: 100 });
    load.start();
    const startedAt = performance.now();
    await eventually('80 answers', () => (load?.totals().total ?? 0) >= 80);
    expect(performance.now() - startedAt).toBeGreaterThan(600);
    const seconds = load.lastSeconds(60);
    const sum = (image: string) => seconds.reduce((total, one) => total + (one.byImage[image]?.total ?? 0), 0);
    const failed = seconds.reduce((total, one) => total + (one.byImage['shop:2']?.failed ?? 0), 0);
    expect(Math.abs(sum('shop:1') - sum('shop:2'))).toBeLessThanOrEqual(2);
    expect(failed).toBe(load.totals().failed);
    expect(failed).toBeGreaterThanOrEqual(19);
    expect(seconds.flatMap(one => Object.keys(one.byCode))).toEqual(expect.arrayContaining(['200', '500']));
  });

  test('it does not pile up requests on a server that does not answer', async () => {
    server = await listenOnLoopback(() => {});
    load = new LoadGenerator({ url: `${server.url}/`, requestsPerSecond: 500, maxInFlight: 5, timeoutMs: 100 });
    load.start();
    await eventually('timeouts and skips are counted', () => {
      const { failed, skipped } = load?.totals() ?? { failed: 0, skipped: 0 };
      return failed >= 5 && skipped > 10;
    });
    expect(load.lastSeconds(60).flatMap(one => Object.keys(one.byCode))).toContain('0');
  });

  test('it refuses to leave the machine', () => {
    expect(() => new LoadGenerator({ url: 'http://192.0.2.1/' })).toThrow('loopback only');
    expect(() => new LoadGenerator({ url: 'https://127.0.0.1/' })).toThrow('loopback only');
    expect(() => new LoadGenerator({ url: 'http://127.0.0.1:1/', requestsPerSecond: 5000 })).toThrow('0 to 1000');
  });

  test('the window drops what is too old', () => {
    const window = new LoadWindow(3);
    for (const second of [1, 2, 3, 4, 5]) window.record(second * 1000, { code: 200, image: 'a', ms: second });
    expect(window.last(10).map(one => one.second)).toEqual([3, 4, 5]);
    expect(window.last(1)).toMatchObject([{ second: 5, total: 1, failed: 0, meanMs: 5, byCode: { '200': 1 } }]);
  });
});
