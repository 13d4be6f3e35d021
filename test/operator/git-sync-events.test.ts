import { expect, it } from 'vitest';
import { syncFact } from '../../src/operator/git-sync/sync-fact.ts';

const ready = (status: 'True' | 'False', message = 'm') => ({
  conditions: [{ type: 'Ready', status, reason: 'R', message, lastTransitionTime: '2026-01-01T00:00:00Z' }],
});

it('a commit that cannot be applied is told with each object that was refused, once', () => {
  const failures = [
    { id: 'a', message: 'Rollout shop: weight 130' },
    { id: 'b', message: 'Service x: no ports' },
  ];
  expect(syncFact(ready('True'), 'failed', '2 of 6 objects could not be applied', failures)).toEqual({
    reason: 'SyncFailed',
    warning: true,
    note: '2 of 6 objects could not be applied; Rollout shop: weight 130; Service x: no ports',
  });
  expect(syncFact(ready('False', 'the same'), 'failed', 'the same', [])).toBeUndefined();
  expect(syncFact(ready('False', 'another'), 'stalled', 'the same', [])?.note).toBe('the same');
});

it('the end of it is told, and a sync like any other is not', () => {
  expect(syncFact(ready('False'), 'ready', 'applied main@sha1:abc', [])?.reason).toBe('Synced');
  expect(syncFact(ready('True'), 'ready', 'applied main@sha1:abc', [])).toBeUndefined();
  expect(syncFact({}, 'progressing', 'pulling', [])).toBeUndefined();
});
