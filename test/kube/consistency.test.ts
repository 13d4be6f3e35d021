import { expect, test } from 'vitest';
import { ConsistencyTracker } from '../../src/kube/consistency.ts';
import { FakeClock } from '../support/fake-clock.ts';

const A = { namespace: 'default', name: 'a' };

function setup() {
  const clock = new FakeClock();
  const cache = { synced: '10' as string | undefined, objects: new Map<string, string>() };
  const view = { lastSyncRV: () => cache.synced, cachedRV: ({ name }: { name: string }) => cache.objects.get(name) };
  return { clock, cache, view, tracker: new ConsistencyTracker(clock) };
}

test('a key is ready until it writes, then when the object or the whole cache has come so far', () => {
  const { cache, view, tracker } = setup();
  expect(tracker.ready('k')).toEqual({ state: 'ready' });
  tracker.noteWrite('k', view, A, '12');
  expect(tracker.ready('k')).toMatchObject({ state: 'behind', objects: ['default/a'] });
  expect(tracker.ready('other')).toEqual({ state: 'ready' });
  cache.objects.set('a', '11');
  expect(tracker.ready('k').state).toBe('behind');
  cache.objects.set('a', '12');
  expect(tracker.ready('k').state).toBe('ready');
  tracker.noteWrite('k', view, A, '15');
  cache.objects.delete('a');
  cache.synced = '16';
  expect(tracker.ready('k').state).toBe('ready');
});

test('of several writes the newest counts, whatever their order', () => {
  const { cache, view, tracker } = setup();
  tracker.noteWrite('k', view, A, '100');
  tracker.noteWrite('k', view, A, '99');
  cache.objects.set('a', '99');
  expect(tracker.ready('k').state).toBe('behind');
});

test('the wait grows from 20 to 500 ms and ends after 5 s with the objects to read live', async () => {
  const { clock, view, tracker } = setup();
  tracker.noteWrite('k', view, A, '12');
  expect(tracker.ready('k')).toMatchObject({ retryAfterMs: 20 });
  await clock.advance(200);
  expect(tracker.ready('k')).toMatchObject({ retryAfterMs: 200 });
  await clock.advance(4000);
  expect(tracker.ready('k')).toMatchObject({ retryAfterMs: 500 });
  await clock.advance(800);
  expect(tracker.ready('k')).toEqual({ state: 'timedOut', objects: ['default/a'] });
  // A live read that failed has shown nothing.
  expect(tracker.ready('k')).toEqual({ state: 'timedOut', objects: ['default/a'] });
  tracker.forget('k');
  expect(tracker.ready('k')).toEqual({ state: 'ready' });
});

test('what cannot be compared is not waited for', () => {
  const { cache, view, tracker } = setup();
  tracker.noteWrite('k', view, A, 'opaque');
  tracker.noteWrite('k', view, A, undefined);
  expect(tracker.ready('k').state).toBe('ready');
  tracker.noteWrite('k', view, A, '12');
  cache.synced = 'opaque';
  expect(tracker.ready('k').state).toBe('ready');
});

test('a cache that never synced has seen nothing', () => {
  const { cache, view, tracker } = setup();
  cache.synced = undefined;
  tracker.noteWrite('k', view, A, '12');
  expect(tracker.ready('k').state).toBe('behind');
  tracker.forget('k');
  expect(tracker.ready('k').state).toBe('ready');
});
