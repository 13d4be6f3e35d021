import { beforeEach, describe, expect, it } from 'vitest';
import { KubeClient } from '../../src/kube/client.ts';
import { staticClusterConfig } from '../../src/kube/config.ts';
import type { KubeObject } from '../../src/kube/kube-object.ts';
import { Transport } from '../../src/kube/transport.ts';
import { type Caches, createCaches } from '../../src/operator/caches.ts';
import { wireEvents } from '../../src/operator/enqueue.ts';
import { Memory } from '../../src/operator/memory.ts';
import { observe } from '../../src/operator/observe.ts';
import { RESOURCES } from '../../src/operator/resources.ts';

const ROLLOUT: KubeObject = {
  apiVersion: 'sluice.dev/v1alpha1',
  kind: 'Rollout',
  metadata: { name: 'shop', namespace: 'shop', uid: 'rollout-uid', resourceVersion: '1' },
  spec: {},
};
const OWNED = ['replicaSets', 'controllerRevisions', 'analysisRuns'] as const;

let caches: Caches;
let enqueued: string[];
beforeEach(() => {
  // Nothing is asked of it: these caches are filled by hand.
  const transport = new Transport({ config: staticClusterConfig({ server: 'http://127.0.0.1:1' }) });
  caches = createCaches({ client: new KubeClient({ transport, fieldManager: 'test' }) });
  caches.rollouts.store.applyEvent('ADDED', ROLLOUT);
  enqueued = [];
  wireEvents(caches, (key, lane) => enqueued.push(`${key} ${lane}`));
});

/** An object of a namespace that says the Rollout owned it; nobody checks that. */
function child(of: (typeof OWNED)[number], namespace: string): void {
  const { kind } = RESOURCES[of];
  caches[of].store.applyEvent('ADDED', {
    apiVersion: 'any/v1',
    kind,
    metadata: {
      name: 'shop-abc-1-1-bg',
      namespace,
      uid: `${namespace}-${of}`,
      resourceVersion: '2',
      ownerReferences: [
        { apiVersion: 'sluice.dev/v1alpha1', kind: 'Rollout', name: 'shop', uid: 'rollout-uid', controller: true },
      ],
    },
    status: { phase: 'Failed' },
  });
}

function seen(): string[] {
  const { replicaSets, revisions, analysisRuns } = observe(caches, new Memory(), ROLLOUT, 'sluice-system', 0);
  return [...replicaSets, ...revisions, ...analysisRuns].map(object => object.metadata.uid ?? '');
}

describe.each(OWNED)('an object among %s that names a Rollout as its owner', of => {
  it('is seen beside it, and leads to a pass', () => {
    child(of, 'shop');
    expect(seen()).toEqual([`shop-${of}`]);
    expect(enqueued).toEqual([`shop/shop ${of === 'analysisRuns' ? 'urgent' : 'normal'}`]);
  });

  it('is not seen from another namespace, nor leads to a pass: whoever writes there decides nothing here', () => {
    child(of, 'elsewhere');
    expect(seen()).toEqual([]);
    expect(enqueued).toEqual([]);
  });
});
