import { describe, expect, it } from 'vitest';
import { canarySpec } from '../support/rollout-builder.ts';
import type { SimCluster } from '../support/sim-cluster.ts';
import {
  canaryNow,
  canaryOnTrial,
  emptyCluster,
  hashOf,
  push,
  send,
  settledBlueGreen,
  settledCanary,
  stateOf,
  wait,
} from '../support/sim-stories.ts';

const KEY = 'sluice.dev/pod-template-hash';
const selects = (cluster: SimCluster, name: string) => cluster.services.get(name)?.['spec'].selector[KEY];

describe('two Rollouts that name one Service or route', () => {
  const rival = { name: 'cart', services: ['stable', 'canary'], routes: ['shop'] };

  it('do not fight: the later one touches neither, and says whose they are', () => {
    const cluster = emptyCluster(canarySpec());
    cluster.rivals = [rival];
    cluster.settle();
    expect(selects(cluster, 'stable')).toBeUndefined();
    expect(cluster.log.filter(action => ['PatchRoute', 'SelectRevision'].includes(action.type))).toEqual([]);
    expect(stateOf(cluster)).toBe('Progressing ServiceConflict');
    expect(cluster.status['message']).toBe(
      'Service stable and Service canary and route shop: in use by Rollout cart, which came first; give this Rollout its own',
    );
  });

  it('are told once, and looked at again soon', () => {
    const cluster = settledCanary();
    cluster.rivals = [rival];
    const decision = cluster.pass();
    expect(decision.facts.map(fact => fact.reason)).toEqual(['AutomationConflict']);
    expect(decision.wakeAt).toBe(cluster.now + 10_000);
    expect(cluster.pass().facts).toEqual([]);
  });

  it('part in peace when the first one leaves', () => {
    const cluster = emptyCluster(canarySpec());
    cluster.rivals = [rival];
    cluster.settle();
    cluster.rivals = [];
    cluster.settle();
    expect(stateOf(cluster)).toBe('Healthy Healthy');
  });
});

describe('a selector that somebody else keeps writing', () => {
  it('is left alone for a while, and said', () => {
    const cluster = settledCanary();
    cluster.services.get('stable')!['spec'].selector = { app: 'shop' };
    cluster.selectorWrites = { [`stable ${hashOf('1')}`]: 10 };
    const decision = cluster.pass();
    expect(decision.actions).toEqual([]);
    expect(stateOf(cluster)).toBe('Progressing ServiceConflict');
    expect(decision.wakeAt).toBe(cluster.now + 10_000);
  });
});

describe('a Service keeps the ready pods it had', () => {
  it('when the first Rollout takes over from a Deployment: it moves when enough pods are there', () => {
    const cluster = emptyCluster(canarySpec({ replicas: 10 }));
    const deployment = Array.from({ length: 10 }, (_, i) => ({
      conditions: { ready: true },
      targetRef: { kind: 'Pod', name: `old-deploy-7d9-${i}aaaa` },
    }));
    cluster.behaviour.set(hashOf('1'), { available: 1 });
    for (let i = 0; i < 5; i++) {
      cluster.reactPods();
      cluster.services.get('stable')!['endpoints'] = deployment;
      cluster.pass();
    }
    expect(selects(cluster, 'stable')).toBeUndefined();
    cluster.behaviour.clear();
    cluster.settle();
    expect(selects(cluster, 'stable')).toBe(hashOf('1'));
  });

  it('in blue-green an abort does not send everybody to a stable set that lost most of its pods', () => {
    const cluster = settledBlueGreen(
      { autoPromotionEnabled: true, postPromotionAnalysis: undefined },
      { replicas: 10 },
    );
    push(cluster, '2');
    for (let i = 0; i < 20 && selects(cluster, 'active') !== hashOf('2'); i++) {
      cluster.react();
      cluster.pass();
    }
    expect(selects(cluster, 'active')).toBe(hashOf('2'));
    cluster.behaviour.set(hashOf('1'), { available: 1 });
    cluster.reactPods();
    cluster.reactEndpoints();
    cluster.command('abort now');
    cluster.pass();
    if (cluster.status['abort']) expect(selects(cluster, 'active')).toBe(hashOf('2'));
    cluster.behaviour.clear();
    cluster.settle();
  });

  it('a pause at the switch of a blue-green moves nobody back', () => {
    const cluster = settledBlueGreen();
    push(cluster, '2');
    for (let i = 0; i < 20 && selects(cluster, 'active') !== hashOf('2'); i++) {
      cluster.react();
      cluster.pass();
    }
    cluster.command('pause p');
    cluster.pass();
    cluster.react();
    cluster.pass();
    expect(selects(cluster, 'active')).toBe(hashOf('2'));
  });
});

describe('names that are long', () => {
  it('leave the hash in the names of pods, so that revisions can be told apart', () => {
    const cluster = emptyCluster(canarySpec());
    cluster.rollout.metadata.name = 'a-very-long-name-of-a-rollout-that-helm-made-up-for-us1';
    const [action] = cluster.decide().actions.filter(one => one.type === 'CreateReplicaSet');
    const name = action?.type === 'CreateReplicaSet' ? action.object.metadata.name : '';
    expect(name.endsWith(`-${hashOf('1')}`)).toBe(true);
    expect(name.length).toBeLessThanOrEqual(57);
  });

  it('beyond what a label can hold are refused with a sentence', () => {
    const cluster = emptyCluster(canarySpec());
    cluster.rollout.metadata.name = 'x'.repeat(64);
    expect(cluster.decide().status).toMatchObject({
      phase: 'Invalid',
      message: 'metadata.name is longer than 63 characters, which a label value may have',
    });
  });
});

describe('scaling goes on', () => {
  it('although the new template is refused', () => {
    const cluster = settledCanary();
    push(cluster, '2');
    cluster.edit(spec => Object.assign(spec, { replicas: 6 }));
    const { actions } = cluster.decide();
    const types = actions.map(action => action.type);
    expect(types.indexOf('ScaleReplicaSet')).toBeLessThan(types.indexOf('CreateRevision'));
  });
});

describe('what is aborted says what is true', () => {
  it('as long as traffic has not left the canary', () => {
    const cluster = canaryOnTrial();
    cluster.behaviour.set(hashOf('1'), { available: 0 });
    cluster.react();
    send(cluster, 'abort');
    expect(cluster.status['message']).toContain('and weight 20 has not left the canary yet');
    cluster.behaviour.clear();
    wait(cluster, 1);
    expect([canaryNow(cluster).split(', ')[1], cluster.status['message']]).toEqual([
      '0 %',
      expect.not.stringContaining('has not left'),
    ]);
  });
});
