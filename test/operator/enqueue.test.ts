import { beforeEach, describe, expect, it } from 'vitest';
import { KubeClient } from '../../src/kube/client.ts';
import { staticClusterConfig } from '../../src/kube/config.ts';
import { Transport } from '../../src/kube/transport.ts';
import { type Caches, createCaches } from '../../src/operator/caches.ts';
import { wireEvents } from '../../src/operator/enqueue.ts';

let caches: Caches;
let enqueued: string[];
beforeEach(() => {
  // Nothing is asked of it: these caches are filled by hand.
  const transport = new Transport({ config: staticClusterConfig({ server: 'http://127.0.0.1:1' }) });
  caches = createCaches({ client: new KubeClient({ transport, fieldManager: 'test' }) });
  enqueued = [];
  wireEvents(caches, (key, lane) => enqueued.push(`${key} ${lane}`));
});

function change(command: string | undefined, lastCommand?: object): string[] {
  caches.rollouts.store.applyEvent('ADDED', {
    apiVersion: 'sluice.dev/v1alpha1',
    kind: 'Rollout',
    metadata: {
      name: 'shop',
      namespace: 'shop',
      uid: 'rollout-uid',
      resourceVersion: '1',
      ...(command === undefined ? {} : { annotations: { 'sluice.dev/command': command } }),
    },
    spec: {},
    ...(lastCommand ? { status: { lastCommand } } : {}),
  });
  return enqueued;
}

describe('a change of a Rollout', () => {
  it.each([
    ['without a command', undefined],
    ['with another command', 'promote a-1'],
    ['with an abort that has no id', 'abort'],
    ['with a word that begins like abort', 'abort-all a-1'],
  ])('%s is normal', (_what, command) => {
    expect(change(command)).toEqual(['shop/shop normal']);
  });

  it.each([
    ['that nobody answered', undefined],
    ['after another command', { id: 'p-1', verb: 'promote' }],
    ['after a command of the same id', { id: 'a-1', verb: 'pause' }],
    ['after an earlier abort', { id: 'a-0', verb: 'abort' }],
  ])('with an abort %s is urgent', (_what, last) => {
    expect(change('abort a-1', last)).toEqual(['shop/shop urgent']);
  });

  it('is normal again once its abort is answered, although the annotation stays', () => {
    expect(change('abort a-1', { id: 'a-1', verb: 'abort' })).toEqual(['shop/shop normal']);
  });
});
