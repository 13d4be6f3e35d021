import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { KubeClient } from '../../src/kube/client.ts';
import { systemClock } from '../../src/kube/clock.ts';
import { ApiError } from '../../src/kube/errors.ts';
import type { RecordedEvent } from '../../src/kube/event-recorder.ts';
import type { KubeObject } from '../../src/kube/kube-object.ts';
import type { Reflector } from '../../src/kube/reflector.ts';
import { ObjectStore } from '../../src/kube/store.ts';
import { GitSyncController } from '../../src/operator/git-sync/git-sync-controller.ts';
import { otherHolder } from '../../src/operator/git-sync/holders.ts';
import { heldIds, readSyncStatus } from '../../src/operator/git-sync/sync-status.ts';
import { createLog } from '../../src/operator/log.ts';
import type { SecretReader } from '../../src/operator/secrets.ts';
import { eventually } from '../support/eventually.ts';

const entry = { id: 'demo_one__ConfigMap', version: 'v1', digest: 'x', revision: 'x' };
const condition = {
  type: 'Ready',
  status: 'True',
  reason: 'Applied',
  message: 'm',
  lastTransitionTime: '2026-01-01T00:00:00Z',
};
const gitSync = (name: string, status: unknown, spec: unknown = {}): KubeObject => ({
  apiVersion: 'sluice.dev/v1alpha1',
  kind: 'GitSync',
  metadata: { namespace: 'demo', name, uid: name, resourceVersion: '1', generation: 1 },
  spec,
  status,
});

describe('a status of a GitSync that was stored around the schema', () => {
  it.each<[string, unknown, object, string[]]>([
    ['is none', undefined, {}, []],
    ['is a text', 'applied', {}, []],
    ['is a list', [entry], {}, []],
    ['has conditions that are none', { conditions: {}, message: 'm' }, { message: 'm' }, []],
    ['has a condition that is none', { conditions: [null, 7, condition] }, { conditions: [condition] }, []],
    ['has an inventory that is none', { inventory: 7, lastAppliedRevision: 'a' }, { lastAppliedRevision: 'a' }, []],
    ['has an entry that is none', { inventory: [null, { id: 7 }, entry] }, { inventory: [entry] }, [entry.id]],
    ['loses no more than what is none', { message: 7, inventory: [entry] }, { inventory: [entry] }, [entry.id]],
  ])('%s', (_, status, sound, ids) => {
    expect(readSyncStatus(gitSync('torn', status))).toEqual(sound);
    expect(heldIds(gitSync('torn', status))).toEqual(ids);
  });

  it('keeps nobody else from knowing who holds what', () => {
    const all = [gitSync('torn', { inventory: [null] }), gitSync('other', { inventory: [entry] })];
    expect(otherHolder({ namespace: 'demo', name: 'shop' }, () => all)(entry.id)).toBe('other');
  });
});

describe('a spec of a GitSync that keeps every status from being stored', () => {
  it('is told of once', async () => {
    const told: RecordedEvent[] = [];
    let asked = 0;
    const patch = async () => {
      asked++;
      throw new ApiError({ code: 'invalid', verb: 'patch', path: '/gitsyncs/shop', message: '422', status: 422 });
    };
    const store = new ObjectStore();
    const controller = new GitSyncController({
      client: { patch } as unknown as KubeClient,
      gitSyncs: { store } as unknown as Reflector,
      secrets: {} as SecretReader,
      clock: systemClock,
      log: createLog('error', () => undefined),
      recorder: { record: event => void told.push(event) },
      steeringOf: () => ({}) as never,
      cacheDir: '/nowhere',
      allowFile: false,
    });
    controller.start();
    try {
      store.applyEvent('ADDED', gitSync('shop', undefined, 'a text'));
      await eventually('it is told of', async () => told.length > 0);
      await sleep(500);
      expect([asked, told.length]).toEqual([1, 1]);
      expect(told[0]).toMatchObject({ type: 'Warning', reason: 'SyncFailed' });
      expect(told[0]?.note).toContain('until it is mended the API server stores no status');
    } finally {
      await controller.stop();
    }
  });
});
