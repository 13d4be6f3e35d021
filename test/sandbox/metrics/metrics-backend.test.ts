import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseExposition } from '../../../src/sandbox/metrics/exposition.ts';
import type { MetricsBackend } from '../../../src/sandbox/metrics/metrics-backend.ts';
import { startMetrics } from '../../../src/sandbox/metrics/metrics-backend.ts';
import { findPrometheus } from '../../../src/sandbox/metrics/real-prometheus.ts';
import { skipUnless } from '../../support/binaries/availability.ts';
import { eventually } from '../../support/eventually.ts';
import { ensurePrometheus, prometheusAvailability } from '../../support/prometheus-binary.ts';
import { startCluster } from '../workloads/sandbox-fixture.ts';

let cluster: Awaited<ReturnType<typeof startCluster>>;
let metrics: MetricsBackend | undefined;
beforeEach(async () => {
  cluster = await startCluster();
});
afterEach(async () => {
  await metrics?.stop();
  metrics = undefined;
  await cluster.stop();
});

interface Answer {
  readonly status: string;
  readonly errorType?: string;
  readonly error?: string;
  readonly data: {
    readonly resultType: string;
    readonly result: { metric: Record<string, string>; value: [number, string] }[];
  };
}

async function query(text: string): Promise<Answer> {
  const response = await fetch(`${metrics?.url}/api/v1/query?${new URLSearchParams({ query: text })}`);
  return (await response.json()) as Answer;
}

/** One ready pod, scraped by the given program. */
async function startScraping(prometheus: string): Promise<void> {
  await cluster.createReplicaSet('web', 'shop:1.0.0-err50', 1);
  await eventually('a pod is ready', async () => (await cluster.replicaSet('web')).status?.readyReplicas === 1);
  metrics = await startMetrics({ config: cluster.config, network: cluster.network, scrapeIntervalMs: 100, prometheus });
}

async function callPod(times: number): Promise<void> {
  const place = cluster.network.resolve((await cluster.pods())[0]?.status?.podIP ?? '');
  for (let n = 0; n < times; n += 1) await fetch(`http://${place?.host}:${place?.port}/`);
}

describe('the metrics of the sandbox', () => {
  test('pods are scraped with their labels, and end when the pod goes', async () => {
    await startScraping('embedded');
    await callPod(10);
    await eventually('errors are counted', async () => {
      const [row] = (await query('http_requests_total{code="500"}')).data.result;
      return row?.value[1] === '5';
    });
    const [up] = (await query('up{job="pods"}')).data.result;
    const [pod] = await cluster.pods();
    expect(up?.value[1]).toBe('1');
    expect(up?.metric).toMatchObject({
      namespace: 'default',
      pod: pod?.metadata.name,
      app: 'web',
      instance: `${pod?.status?.podIP}:8080`,
    });
    const owners = (await query('kube_pod_owner{owner_name="web"} and on(pod) kube_pod_status_ready == 1')).data.result;
    expect(owners[0]?.metric).toMatchObject({
      pod: pod?.metadata.name,
      owner_kind: 'ReplicaSet',
      namespace: 'default',
    });
    await cluster.scale('web', 0);
    await eventually('its series end', async () => (await query('up{job="pods"}')).data.result.length === 0);
    expect((await query('count_over_time(up{job="pods"}[5m]) > bool 0')).data.result).toHaveLength(1);
  });

  test('the API has the envelopes and codes of Prometheus', async () => {
    await startScraping('embedded');
    const url = metrics?.url ?? '';
    const post = await fetch(`${url}/api/v1/query`, {
      method: 'POST',
      body: new URLSearchParams({ query: '1 + 1', time: '5' }),
    });
    expect(await post.json()).toEqual({ status: 'success', data: { resultType: 'scalar', result: [5, '2'] } });
    const bad = await fetch(`${url}/api/v1/query?query=sum(`);
    expect(bad.status).toBe(400);
    expect(await bad.json()).toMatchObject({ status: 'error', errorType: 'bad_data' });
    await eventually(
      'series are there',
      async () => (await query('http_request_duration_seconds_bucket')).data.result.length > 0,
    );
    const twice = await query('http_requests_total * on() http_request_duration_seconds_bucket');
    expect(twice).toMatchObject({ status: 'error', errorType: 'execution' });
    const parameters = new URLSearchParams({ query: 'vector(1)', start: '0', end: '10', step: '5s' });
    const range = await fetch(`${url}/api/v1/query_range?${parameters}`);
    const values = [0, 5, 10].map(second => [second, '1']);
    expect(await range.json()).toMatchObject({ data: { resultType: 'matrix', result: [{ metric: {}, values }] } });
    const labels = (await (await fetch(`${url}/api/v1/labels`)).json()) as { data: string[] };
    expect(labels.data).toEqual(expect.arrayContaining(['__name__', 'instance', 'job', 'namespace', 'pod']));
    expect((await fetch(`${url}/-/ready`)).status).toBe(200);
    expect((await fetch(`${url}/api/v1/nothing`)).status).toBe(404);
    expect((await fetch(`${url}/api/v1/query_range?query=1&start=x&end=2&step=1`)).status).toBe(400);
  });

  test('special numbers travel as text', async () => {
    await startScraping('embedded');
    const value = async (text: string) => JSON.stringify((await query(text)).data.result);
    expect(await value('vector(1 / 0)')).toContain('"+Inf"');
    expect(await value('vector(-1 / 0)')).toContain('"-Inf"');
    expect(await value('vector(0 / 0)')).toContain('"NaN"');
  });

  test('a prometheus that was named but is not there is an error, not a silent change', async () => {
    await expect(findPrometheus('/nowhere/prometheus')).rejects.toThrow('not an executable file');
    await expect(findPrometheus('embedded')).resolves.toBeUndefined();
  });
});

const unavailable = skipUnless(prometheusAvailability());
const real = unavailable ? undefined : await ensurePrometheus();
describe.skipIf(unavailable)('with the real Prometheus', () => {
  test('the same query gives the same labels', async () => {
    await startScraping(real ?? '');
    expect(metrics?.kind).toBe('prometheus');
    await callPod(10);
    const errors = async () => (await query('http_requests_total{code="500"}')).data?.result[0];
    await eventually('errors are counted', async () => (await errors())?.value[1] === '5', 20_000);
    expect((await errors())?.metric).toMatchObject({ job: 'pods', namespace: 'default', app: 'web', code: '500' });
  });
});

describe('the text format', () => {
  test('labels, escapes, special values and timestamps are read', () => {
    const text = '# HELP a b\na 1\nb{x="y",z="q\\"\\n\\\\"} +Inf 123\nc{} NaN\nd{e="f",} -2.5e3\n';
    expect(parseExposition(text)).toEqual([
      { labels: [['__name__', 'a']], value: 1 },
      {
        labels: [
          ['__name__', 'b'],
          ['x', 'y'],
          ['z', 'q"\n\\'],
        ],
        value: Number.POSITIVE_INFINITY,
      },
      { labels: [['__name__', 'c']], value: Number.NaN },
      {
        labels: [
          ['__name__', 'd'],
          ['e', 'f'],
        ],
        value: -2500,
      },
    ]);
  });

  test.each(['a', 'a{x=y} 1', 'a{x="y" 1', '1a 2', 'a b'])('"%s" spoils the scrape', line => {
    expect(parseExposition(`good 1\n${line}\n`)).toBeUndefined();
  });
});

test('an odd request gets an error and the API lives on', async () => {
  await startScraping('embedded');
  const url = metrics?.url ?? '';
  expect((await fetch(`${url}/api/v1/label/%E0%A4%A/values`)).status).toBe(400);
  expect((await fetch(`${url}//`)).status).toBeGreaterThanOrEqual(400);
  expect((await query('1')).status).toBe('success');
});
