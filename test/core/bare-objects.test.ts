import { describe, expect, it } from 'vitest';
import { decide } from '../../src/core/decide.ts';
import { readGate, viewRun } from '../../src/core/gate.ts';
import { viewReplicaSet } from '../../src/core/replica-set-view.ts';
import { viewService } from '../../src/core/service-view.ts';
import { describeStep } from '../../src/core/trial.ts';
import { canaryOnTrial, push, SUCCESS_RATE, send, settledCanary, stateOf } from '../support/sim-stories.ts';

const object = (kind: string, rest: object = {}) => ({ apiVersion: 'v1', kind, metadata: { name: 'x' }, ...rest });

describe('objects with nothing but a name', () => {
  it('a ReplicaSet counts as what nothing may be built on', () => {
    expect(viewReplicaSet(object('ReplicaSet'))).toEqual({
      target: { name: 'x', uid: '', resourceVersion: '' },
      name: 'x',
      hash: '',
      revision: 0,
      spec: 1,
      running: 0,
      ready: 0,
      available: 0,
      minReadySeconds: 0,
      createdAt: 0,
      scaleDownAt: undefined,
      deleting: false,
    });
  });

  it.each([
    [-1, 0],
    [2.7, 2],
    ['3', 0],
    [Number.NaN, 0],
  ])('a number such as %s counts as %i', (readyReplicas, expected) => {
    expect(viewReplicaSet(object('ReplicaSet', { status: { readyReplicas } })).ready).toBe(expected);
  });

  it('a Service selects nothing, and endpoints that are odd are not ready', () => {
    const snapshot = settledCanary().snapshot();
    const ready = { conditions: { ready: true }, targetRef: { name: 'set-aaaaa' } };
    const endpoints = [
      null,
      {},
      ready,
      ready,
      { ...ready, targetRef: {} },
      { conditions: { ready: 'yes' }, targetRef: { name: 'set-bbbbb' } },
      { ...ready, targetRef: { name: 'set-x-ccccc' } },
    ];
    const seen = {
      ...snapshot,
      services: { x: object('Service') },
      endpointSlices: { x: [object('EndpointSlice'), object('EndpointSlice', { endpoints })] },
    };
    const service = viewService('x', seen, { app: 'shop' });
    expect(service.astray).toEqual({});
    expect([service.exists, service.selects, service.readyOf('set'), service.readyOf(undefined)]).toEqual([
      true,
      undefined,
      1,
      0,
    ]);
    expect(viewService('gone', snapshot, {})).toMatchObject({ exists: false, selects: undefined });
  });

  it('a Rollout without uid, namespace and generation goes through a whole trial and an abort', () => {
    const cluster = canaryOnTrial({ analysis: SUCCESS_RATE });
    cluster.rollout = { ...cluster.rollout, metadata: { name: 'shop' } };
    cluster.notifiers.push({
      apiVersion: 'sluice.dev/v1alpha1',
      kind: 'Notifier',
      metadata: { name: 'n' },
      spec: { events: ['Started', 'Aborted'], webhook: { url: 'https://x' } },
    });
    push(cluster, '3');
    cluster.rollout.metadata = { name: 'shop' };
    cluster.settle();
    const created = cluster.log.findLast(action => action.type === 'CreateAnalysisRun');
    expect(created?.object.metadata.namespace).toBeUndefined();
    expect(cluster.status['notices'][0]).toMatchObject({
      id: expect.stringMatching(/^shop-3-1-Started-/),
      pending: ['/n'],
      content: { namespace: 'default' },
    });
    send(cluster, 'abort');
    expect(stateOf(cluster)).toBe('Aborted AbortedByCommand');
  });

  it('a status without optional members is read as one', () => {
    const cluster = canaryOnTrial();
    const { stable, phase } = cluster.status;
    cluster.rollout['status'] = {
      phase,
      stable: { revision: stable.revision, podTemplateHash: stable.podTemplateHash },
    };
    cluster.command('abort x');
    cluster.settle();
    expect([stateOf(cluster), cluster.status['stable'].revision, cluster.canaryWeight()]).toEqual([
      'Aborted AbortedByCommand',
      1,
      0,
    ]);
  });

  it('a snapshot that is decided on twice is read once and gives the same', () => {
    const cluster = canaryOnTrial();
    const snapshot = cluster.snapshot();
    expect(decide(snapshot, cluster.now)).toEqual(decide(snapshot, cluster.now));
  });

  it('ReplicaSets without their ControllerRevision are collected all the same', () => {
    const cluster = settledCanary({ steps: [], spec: { revisionHistoryLimit: 0 } });
    push(cluster, '2');
    cluster.settle();
    cluster.revisions.clear();
    cluster.advance(31_000);
    cluster.settle();
    expect(cluster.replicaSets.size).toBe(1);
  });
});

describe('an AnalysisRun as a gate', () => {
  const spec = {
    metrics: [
      { name: 'a', provider: { prometheus: { query: 'up' } } },
      { name: 'b', provider: { prometheus: { query: 'up' } } },
    ],
  };
  const COUNTS = {
    count: 0,
    successful: 0,
    failed: 0,
    inconclusive: 0,
    error: 0,
    noData: 0,
    consecutiveError: 0,
    consecutiveSuccess: 0,
    consecutiveFailure: 0,
  };
  const read = (status: unknown) => {
    const run = viewRun(object('AnalysisRun', { spec, status }));
    if (!run) throw new Error('not a run');
    return readGate(run, 1_000_000);
  };

  it.each<[string, unknown, object]>([
    ['no status yet', undefined, { verdict: 'Running', because: { message: 'analysis x has not measured yet' } }],
    ['a status that cannot be read', { phase: 7 }, { verdict: 'Running' }],
    [
      'a message and no results',
      { phase: 'Error', message: 'no such provider' },
      { verdict: 'Abort', cause: 'AnalysisError', because: { message: 'no such provider' } },
    ],
    [
      'the worst of two metrics',
      {
        phase: 'Failed',
        metricResults: [
          { name: 'a', phase: 'Successful', ...COUNTS },
          { name: 'b', phase: 'Failed', ...COUNTS, failed: 2 },
        ],
      },
      {
        verdict: 'Abort',
        evidence: { metric: 'b', failures: 2, limit: 0 },
        because: { message: 'b not measured yet; 2 failed, 0 allowed' },
      },
    ],
    [
      'of two failed metrics the one that failed more',
      {
        phase: 'Failed',
        metricResults: [
          { name: 'a', phase: 'Failed', ...COUNTS, failed: 1 },
          { name: 'b', phase: 'Failed', ...COUNTS, failed: 2 },
        ],
      },
      { evidence: { metric: 'b' } },
    ],
    [
      'an error without words',
      { phase: 'Error', metricResults: [{ name: 'a', phase: 'Error', ...COUNTS }] },
      { because: { message: 'a: could not be measured' } },
    ],
    [
      'an error with the words of its metric',
      { phase: 'Error', metricResults: [{ name: 'a', phase: 'Error', ...COUNTS, message: 'bad query' }] },
      { because: { message: 'a: bad query' } },
    ],
    [
      'no data in a dry run',
      {
        phase: 'Running',
        metricResults: [{ name: 'a', phase: 'Running', dryRun: true, noDataSince: '1970-01-01T00:00:00Z', ...COUNTS }],
      },
      { verdict: 'Running' },
    ],
    [
      'no data of a metric that the run does not have',
      {
        phase: 'Running',
        metricResults: [{ name: 'z', phase: 'Running', noDataSince: '1970-01-01T00:00:00Z', ...COUNTS }],
      },
      { verdict: 'Running' },
    ],
    [
      'a metric that ended in a run that goes on',
      {
        phase: 'Running',
        metricResults: [{ name: 'a', phase: 'Successful', noDataSince: '1970-01-01T00:00:00Z', ...COUNTS }],
      },
      { verdict: 'Running' },
    ],
    [
      'no data without words',
      {
        phase: 'Running',
        metricResults: [
          {
            name: 'a',
            phase: 'Running',
            noDataSince: '1970-01-01T00:16:00Z',
            measurements: Array(3).fill({ phase: 'NoData', startedAt: 'x', finishedAt: 'x' }),
            ...COUNTS,
          },
        ],
      },
      { verdict: 'Hold', because: { reason: 'NoData', message: 'a: no data' } },
    ],
  ])('%s', (_, status, expected) => {
    expect(read(status)).toMatchObject(expected);
  });

  it('sums itself up in a line', () => {
    const line = (worst: object) =>
      viewRun(object('AnalysisRun', { spec, status: { phase: 'Running', worst } }))?.summary;
    expect([line({ metric: 'a', value: '1', threshold: '>= 1' }), line({ metric: 'a' })]).toEqual([
      'a 1 (>= 1)',
      'a no data (measured only)',
    ]);
  });
});

describe('a step in words', () => {
  it.each<[unknown, string]>([
    [{ setWeight: 20 }, 'setWeight 20'],
    [{ pause: {} }, 'pause until promoted'],
    [{ pause: { duration: '2m' } }, 'pause 2m'],
    [{ pause: { duration: 5 } }, 'pause 5s'],
    [{ analysis: { templates: [{ templateName: 'a' }, { templateName: 'b' }] } }, 'analysis a, b'],
    [{ setCanaryScale: { replicas: 3 } }, 'setCanaryScale replicas 3'],
    [undefined, 'promote'],
    [{}, 'promote undefined'],
  ])('%j', (step, words) => {
    expect(describeStep(step)).toBe(words);
  });
});
