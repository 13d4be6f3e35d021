import { describe, expect, it } from 'vitest';
import type { StandingAlert, StoredNotice } from '../../src/api/rollout-status.ts';
import { canarySpec } from '../support/rollout-builder.ts';
import type { SimCluster } from '../support/sim-cluster.ts';
import { canaryOnTrial, emptyCluster, push, send, settledCanary, stateOf, wait } from '../support/sim-stories.ts';

const ALERTMANAGER = { alertmanager: { url: 'http://alerts' } };

function subscribe(cluster: SimCluster, name: string, spec: object = ALERTMANAGER): void {
  const metadata = { name, namespace: 'demo' };
  cluster.notifiers.push({ apiVersion: 'sluice.dev/v1alpha1', kind: 'Notifier', metadata, spec });
}
const notices = (cluster: SimCluster) => (cluster.status['notices'] ?? []) as StoredNotice[];
const alerts = (cluster: SimCluster) => (cluster.status['alerts'] ?? []) as StandingAlert[];
const standing = (cluster: SimCluster) => alerts(cluster).map(({ event }) => event);
/** Everybody has got everything. */
function deliver(cluster: SimCluster): void {
  for (const { id, pending } of notices(cluster)) for (const to of pending) cluster.delivered.push(`${id}|${to}`);
  cluster.settle();
}
function aborted(...names: string[]): SimCluster {
  const cluster = canaryOnTrial();
  for (const name of names) subscribe(cluster, name);
  send(cluster, 'abort');
  return cluster;
}

describe('what is kept of an alert that lasts', () => {
  it('is the notice as it was sent, for weeks, without a write', () => {
    const cluster = aborted('pager');
    const [{ pending, ...words } = { pending: [] }] = notices(cluster);
    expect(pending).toEqual(['demo/pager']);
    deliver(cluster);
    expect(notices(cluster)).toEqual([]);
    // The pods of what was aborted leave.
    wait(cluster, 60);
    const before = cluster.fingerprint();
    wait(cluster, 14 * 24 * 3600);
    expect(alerts(cluster)).toEqual([{ ...words, to: ['demo/pager'] }]);
    expect(cluster.fingerprint()).toBe(before);
  });

  it('is for Alertmanagers that asked for it alone', () => {
    const cluster = canaryOnTrial();
    subscribe(cluster, 'chat', { slack: { url: 'https://chat' } });
    subscribe(cluster, 'promotions', { ...ALERTMANAGER, events: ['Promoted'] });
    subscribe(cluster, 'theirs', { ...ALERTMANAGER, rollouts: ['cart'] });
    send(cluster, 'abort');
    expect(alerts(cluster)).toEqual([]);
    expect(notices(cluster).map(({ pending }) => pending)).toEqual([['demo/chat']]);
  });

  it('is for one that could not be read then, too: it may be mended', () => {
    const cluster = canaryOnTrial();
    subscribe(cluster, 'torn', { ...ALERTMANAGER, events: 7 });
    send(cluster, 'abort');
    expect(alerts(cluster)).toMatchObject([{ event: 'Aborted', to: ['demo/torn'] }]);
  });

  it('leaves with its Notifier, and stays while another one is told', () => {
    const cluster = aborted('a', 'b');
    deliver(cluster);
    cluster.notifiers.shift();
    cluster.settle();
    expect(alerts(cluster).map(({ to }) => to)).toEqual([['demo/b']]);
    cluster.notifiers.shift();
    cluster.settle();
    expect(cluster.status['alerts']).toBeUndefined();
  });

  it('does not count when it is of something else', () => {
    const cluster = aborted('pager');
    deliver(cluster);
    const [own] = alerts(cluster);
    cluster.rollout = {
      ...cluster.rollout,
      status: { ...cluster.status, alerts: [{ ...own, id: 'another-uid-1-1-Aborted-1' }] },
    };
    cluster.settle();
    expect(cluster.status['alerts']).toBeUndefined();
  });
});

describe('an alert that lasts', () => {
  it('ends when its Rollout is healthy again, also while its beginning is still owed to somebody', () => {
    const cluster = canaryOnTrial();
    subscribe(cluster, 'pager');
    subscribe(cluster, 'chat', { slack: { url: 'https://chat' }, events: ['Aborted'] });
    send(cluster, 'abort');
    expect(standing(cluster)).toEqual(['Aborted']);
    push(cluster, '1');
    wait(cluster, 60);
    expect(stateOf(cluster)).toBe('Healthy Healthy');
    for (const { id } of notices(cluster)) cluster.delivered.push(`${id}|demo/pager`);
    cluster.settle();
    expect(notices(cluster).map(({ event, pending }) => [event, pending])).toEqual([['Aborted', ['demo/chat']]]);
    expect(standing(cluster)).toEqual([]);
  });

  it('goes on through another try until that is promoted, and a pause ends with its answer', () => {
    const cluster = settledCanary({ steps: [{ setWeight: 20 }, { pause: {} }] });
    subscribe(cluster, 'pager');
    push(cluster, '2');
    cluster.settle();
    expect(standing(cluster)).toEqual(['Paused']);
    send(cluster, 'abort');
    expect(standing(cluster)).toEqual(['Aborted']);
    send(cluster, 'retry');
    expect(standing(cluster)).toEqual(['Aborted', 'Paused']);
    send(cluster, 'promote');
    wait(cluster, 60);
    expect([stateOf(cluster), standing(cluster)]).toEqual(['Healthy Healthy', []]);
  });

  it('takes the place of an earlier one of its kind', () => {
    const cluster = aborted('pager');
    const [first] = alerts(cluster);
    send(cluster, 'retry');
    wait(cluster, 60);
    send(cluster, 'abort');
    expect(standing(cluster)).toEqual(['Aborted']);
    expect(alerts(cluster)[0]?.id).not.toBe(first?.id);
  });

  it('of a spec that cannot be read is kept as others are', () => {
    const cluster = settledCanary();
    subscribe(cluster, 'pager', { ...ALERTMANAGER, events: ['Invalid'] });
    cluster.edit(spec => delete spec['strategy']);
    cluster.settle();
    deliver(cluster);
    expect(standing(cluster)).toEqual(['Invalid']);
  });

  it('is none when what happened is over at once', () => {
    const cluster = emptyCluster(canarySpec());
    subscribe(cluster, 'all', { ...ALERTMANAGER, events: ['Started', 'Promoted'] });
    cluster.settle();
    expect(notices(cluster).length).toBeGreaterThan(0);
    expect(cluster.status['alerts']).toBeUndefined();
  });
});
