import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { applyObject } from '../support/control-plane/apply-folder.ts';
import { type BadPrometheus, startBadPrometheus } from '../support/faults/bad-prometheus.ts';
import { faultSuite } from '../support/faults/fault-suite.ts';
import { unhandled } from '../support/faults/run-story.ts';
import { Scene } from '../support/faults/scene.ts';
import { rollout } from '../support/matrix/shop-objects.ts';

const API = 'sluice.dev/v1alpha1';

/** What comes of a gate that measures there: the phase, and what the status must say. */
interface Expected {
  readonly phase: 'Healthy' | 'Aborted';
  readonly cause?: 'AnalysisFailed' | 'AnalysisError' | 'NoDataDeadline';
  readonly says?: RegExp;
  /** When it is not a path of the bad Prometheus. */
  readonly address?: string;
}

const noData = (says: RegExp, more: Partial<Expected> = {}): Expected => ({
  phase: 'Aborted',
  cause: 'NoDataDeadline',
  says,
  ...more,
});
const mistake = (says: RegExp): Expected => ({ phase: 'Aborted', cause: 'AnalysisError', says });

/** Missing data is never a failed check and never a passed one; a mistake of the user is told as one. */
const CASES: Readonly<Record<string, Expected>> = {
  vector: { phase: 'Healthy' },
  scalar: { phase: 'Healthy' },
  bad: { phase: 'Aborted', cause: 'AnalysisFailed', says: /0\.1/ },
  silent: noData(/no complete answer/),
  500: noData(/HTTP 500/),
  503: noData(/HTTP 503/),
  drip: noData(/no complete answer/),
  huge: mistake(/larger than 10 MB/),
  nan: noData(/NaN/),
  inf: noData(/Inf/),
  empty: noData(/no series/),
  html: mistake(/web page/),
  half: noData(/connection failed|request failed|no JSON/),
  reset: noData(/connection failed/),
  redirect: mistake(/redirects/),
  'link-local': mistake(/redirects/),
  dns: noData(/no address in DNS/, { address: 'http://prometheus.nowhere.invalid:9090' }),
  refused: noData(/connection refused/, { address: 'http://127.0.0.1:9' }),
};

interface Status {
  readonly phase?: string;
  readonly observedGeneration?: number;
  readonly stable?: { readonly images?: readonly string[] };
  readonly abort?: { readonly cause?: string };
}

faultSuite('metric providers that go wrong', {}, ({ rig }) => {
  let prometheus: BadPrometheus;

  beforeAll(async () => {
    prometheus = await startBadPrometheus();
  });
  afterAll(async () => await prometheus?.stop());

  it('F17 each Rollout gets the verdict of its own provider, all of them at once', async () => {
    const scene = await Scene.open(rig(), 'f17', { longestMs: 150_000 });
    const names = Object.keys(CASES);
    const statusOf = (name: string) => {
      const found = scene.stage.history.get('rollouts', `case-${name}`);
      const status = (found?.['status'] ?? {}) as Status;
      return status.observedGeneration === found?.metadata.generation ? status : {};
    };
    for (const name of names) await declare(scene, name);
    for (const name of names) await scene.until(`${name} is stable`, () => statusOf(name).phase === 'Healthy');
    const began = performance.now();
    for (const name of names) await scene.stage.apply([shop(name, '1.1.0')]);
    const isOver = (name: string) => ['Healthy', 'Aborted', 'Degraded', 'Invalid'].includes(statusOf(name).phase ?? '');
    await scene.until('the good ones are promoted', () => ['vector', 'scalar'].every(isOver));
    const goodMs = performance.now() - began;
    for (const name of names) await scene.until(`${name} has its verdict`, () => isOver(name));
    console.log(
      `f17: ${names.length} providers, the good ones after ${Math.round(goodMs)} ms, all after ${Math.round(performance.now() - began)} ms`,
    );
    const found = Object.fromEntries(names.map(name => [name, verdictOf(statusOf(name), CASES[name])]));
    expect(found).toEqual(Object.fromEntries(names.map(name => [name, 'as expected'])));
    expect(prometheus.asked('stolen'), 'no redirect was followed').toBe(0);
    const peak = Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${scene.operator.pid}/status`, 'utf8'))?.[1]);
    console.log(`f17: at most ${Math.round(peak / 1_024)} MiB of memory`);
    expect(peak).toBeLessThan(400 * 1_024);
    await scene.close();
    expect(scene.died).toBe(false);
    expect(unhandled(scene.log())).toEqual([]);
  });

  async function declare(scene: Scene, name: string): Promise<void> {
    const address = CASES[name]?.address ?? `${prometheus.url}/${name}`;
    await applyObject(rig().plane.client, {
      apiVersion: API,
      kind: 'MetricProvider',
      metadata: { name: `case-${name}` },
      spec: { type: 'prometheus', address, timeout: '2s' },
    });
    const metric = {
      name: 'success-rate',
      interval: '500ms',
      count: 2,
      threshold: { min: 0.95 },
      consecutiveErrorLimit: 1,
      noDataDeadline: '6s',
      noDataAction: 'Abort',
      provider: { prometheus: { query: 'up', providerRef: `case-${name}` } },
    };
    const template = {
      apiVersion: API,
      kind: 'AnalysisTemplate',
      metadata: { name: `case-${name}` },
      spec: { metrics: [metric] },
    };
    const root = `/apis/${API}`;
    await scene.stage.apply([{ root, plural: 'analysistemplates', object: template }, shop(name, '1.0.0')]);
  }
});

/** A Rollout without a router, with a gate of its own. */
function shop(name: string, version: string) {
  const gate = { analysis: { templates: [{ templateName: `case-${name}` }] } };
  const declared = rollout(`shop:${version}`, { canary: { steps: [{ setWeight: 50 }, gate] } }, 1);
  const labels = { app: `case-${name}` };
  const spec = declared.object['spec'] as { template: { spec: object } };
  const template = { metadata: { labels }, spec: spec.template.spec };
  const object = {
    ...declared.object,
    metadata: { name: `case-${name}` },
    spec: { ...spec, selector: { matchLabels: labels }, template },
  };
  return { ...declared, object };
}

function verdictOf(status: Status, expected: Expected | undefined): string {
  const image = status.stable?.images?.[0];
  const wanted = expected?.phase === 'Healthy' ? 'shop:1.1.0' : 'shop:1.0.0';
  const isRight =
    status.phase === expected?.phase &&
    image === wanted &&
    status.abort?.cause === expected?.cause &&
    (expected?.says ?? /./).test(JSON.stringify(status));
  return isRight ? 'as expected' : JSON.stringify({ ...status, conditions: undefined }).slice(0, 900);
}
