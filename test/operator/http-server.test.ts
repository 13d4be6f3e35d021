import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Check, HttpServer } from '../../src/operator/http-server.ts';
import { Metrics } from '../../src/operator/metrics.ts';

describe("the operator's HTTP server", () => {
  const metrics = new Metrics();
  let checks: Check[] = [];
  let broken = false;
  let server: HttpServer;
  let base: string;

  beforeEach(async () => {
    checks = [{ name: 'cache rollouts', ok: true }];
    broken = false;
    server = new HttpServer({
      readiness: () => checks,
      metricsText: async () => {
        if (broken) throw new Error('a bug');
        return { contentType: metrics.registry.contentType, body: await metrics.registry.metrics() };
      },
    });
    base = `http://127.0.0.1:${await server.listen(0, '127.0.0.1')}`;
  });
  afterEach(() => server.close());

  it('says that the process is alive, ready or not', async () => {
    checks = [{ name: 'cache rollouts', ok: false }];
    expect((await fetch(`${base}/healthz`)).status).toBe(200);
    expect((await fetch(`${base}/livez?verbose`)).status).toBe(200);
  });

  it('is ready when every cache is', async () => {
    const response = await fetch(`${base}/readyz`);
    expect(response.status).toBe(200);
    expect(await response.text()).toContain('[+] cache rollouts');
  });

  it('names the cache that keeps it from being ready, and why', async () => {
    checks = [
      { name: 'cache rollouts', ok: true },
      { name: 'cache services', ok: false, detail: 'services is forbidden' },
    ];
    const response = await fetch(`${base}/readyz`);
    expect(response.status).toBe(503);
    expect(await response.text()).toContain('[-] cache services: services is forbidden');
  });

  it('serves metrics in the exposition format', async () => {
    metrics.leader(true);
    const response = await fetch(`${base}/metrics`);
    expect(response.headers.get('content-type')).toContain('text/plain');
    const body = await response.text();
    expect(body).toMatch(/^# TYPE sluice_\w+ /m);
    expect(body).toMatch(/^sluice_\w*leader\w*(\{.*\})? 1$/m);
  });

  it('refuses methods that change things and paths that it does not know', async () => {
    for (const method of ['POST', 'PUT', 'DELETE'])
      expect((await fetch(`${base}/metrics`, { method })).status).toBe(405);
    const response = await fetch(`${base}/admin`);
    expect(response.status).toBe(404);
    expect(await response.text()).toContain('/metrics');
  });

  it('answers HEAD without a body', async () => {
    const response = await fetch(`${base}/readyz`, { method: 'HEAD' });
    expect([response.status, await response.text()]).toEqual([200, '']);
  });

  it('answers 500 when a part of it fails, and lives on', async () => {
    broken = true;
    expect((await fetch(`${base}/metrics`)).status).toBe(500);
    broken = false;
    expect((await fetch(`${base}/metrics`)).status).toBe(200);
  });
});
