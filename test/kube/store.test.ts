import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../src/kube/kube-object.ts';
import type { ObjectStoreOptions } from '../../src/kube/store.ts';
import { ObjectStore } from '../../src/kube/store.ts';
import { frozen } from '../support/frozen.ts';

const A = { namespace: 'default', name: 'a' };

function object(name: string, uid: string, rv: number | string, labels: Record<string, string> = {}): KubeObject {
  return { kind: 'Thing', metadata: { namespace: 'default', name, uid, resourceVersion: String(rv), labels } };
}

async function storeAt(rv: number, items: KubeObject[] = [], options: ObjectStoreOptions = {}) {
  const store = new ObjectStore(options);
  const changes: string[] = [];
  await store.replace(items, String(rv), store.openJournal());
  store.addHandler((type, changed, old, source) => {
    const from = old && type === 'modified' ? `${old.metadata.resourceVersion}->` : '';
    changes.push(`${source}: ${type} ${changed.metadata.uid}@${from}${changed.metadata.resourceVersion}`);
  });
  return { store, changes };
}

describe('an object returned by our own write', () => {
  test('is in the cache at once, and its watch event later changes nothing', async () => {
    const { store, changes } = await storeAt(10, [object('a', 'u1', 5)]);
    store.noteWritten(object('a', 'u1', 12));
    store.applyEvent('MODIFIED', object('a', 'u1', 12));
    expect(store.cachedRV(A)).toBe('12');
    expect(changes).toEqual(['write: modified u1@5->12']);
    expect(store.lastSyncRV()).toBe('12');
  });

  test('does not move the resourceVersion that the server has told us', async () => {
    const { store } = await storeAt(10, [object('a', 'u1', 5)]);
    store.noteWritten(object('a', 'u1', 12));
    expect(store.lastSyncRV()).toBe('10');
  });

  test('does not undo a newer state', async () => {
    const { store, changes } = await storeAt(20, [object('a', 'u1', 15)]);
    store.noteWritten(object('a', 'u1', 12));
    expect(store.cachedRV(A)).toBe('15');
    expect(changes).toEqual([]);
  });

  test('is added when it is new, but not when it was deleted since', async () => {
    const { store, changes } = await storeAt(10);
    store.noteWritten(object('a', 'u1', 12));
    expect(changes).toEqual(['write: added u1@12']);
    store.applyEvent('DELETED', object('a', 'u1', 14));
    store.noteWritten(object('a', 'u1', 13));
    expect(store.get(A)).toBeUndefined();
  });

  test('survives older events of the watch, and a deletion is honoured', async () => {
    const { store } = await storeAt(10, [object('a', 'u1', 5)]);
    store.noteWritten(object('a', 'u1', 13));
    store.applyEvent('MODIFIED', object('a', 'u1', 11));
    expect(store.cachedRV(A)).toBe('13');
    store.applyEvent('DELETED', object('a', 'u1', 14));
    expect(store.size).toBe(0);
  });

  test('compares resourceVersions as digits of any length', async () => {
    const { store } = await storeAt(10, [object('a', 'u1', '9007199254740992')]);
    store.noteWritten(object('a', 'u1', '9007199254740993'));
    expect(store.cachedRV(A)).toBe('9007199254740993');
    store.noteWritten(object('a', 'u1', '10000000000000000000000'));
    expect(store.cachedRV(A)).toBe('10000000000000000000000');
  });

  test('recreated under the same name is a deletion and an addition, and the late end of the first does not harm it', async () => {
    const { store, changes } = await storeAt(10, [object('a', 'u1', 5)]);
    store.noteWritten(object('a', 'u2', 15));
    store.applyEvent('DELETED', object('a', 'u1', 14));
    store.applyEvent('ADDED', object('a', 'u2', 15));
    expect(store.get(A)?.metadata.uid).toBe('u2');
    expect(changes).toEqual(['write: deleted u1@5', 'write: added u2@15']);
  });

  test('is not added where a selector decides, nor outside the namespace', async () => {
    const selected = await storeAt(10, [], { addsWrites: false });
    selected.store.noteWritten(object('a', 'u1', 12));
    expect(selected.store.size).toBe(0);
    const elsewhere = await storeAt(10, [], { namespace: 'other' });
    elsewhere.store.noteWritten(object('a', 'u1', 12));
    expect(elsewhere.store.size).toBe(0);
  });

  test('is not written into, and may be shared with its caller', async () => {
    const { store } = await storeAt(10);
    const mine = frozen(object('a', 'u1', 12, { x: '1' }));
    store.noteWritten(mine);
    expect(store.get(A)?.metadata.labels).toEqual({ x: '1' });
  });

  test('is ignored before the first list', () => {
    const store = new ObjectStore();
    store.noteWritten(object('a', 'u1', 12));
    expect(store.size).toBe(0);
  });
});

describe('our own delete', () => {
  test('takes the object out at once, and late events do not bring it back', async () => {
    const { store, changes } = await storeAt(10, [object('a', 'u1', 5)]);
    store.noteDeleted({ ...A, uid: 'u1' });
    store.applyEvent('MODIFIED', object('a', 'u1', 11));
    store.applyEvent('DELETED', object('a', 'u1', 12));
    store.applyEvent('ADDED', object('a', 'u2', 13));
    expect(changes).toEqual(['write: deleted u1@5', 'watch: added u2@13']);
  });

  test('that was none is put right by an audit that still sees the object', async () => {
    const { store, changes } = await storeAt(10, [object('a', 'u1', 5)]);
    store.noteDeleted({ ...A, uid: 'u1' });
    store.applyEvent('MODIFIED', object('a', 'u1', 11), 'audit');
    store.applyEvent('MODIFIED', object('a', 'u1', 12));
    expect(changes).toEqual(['write: deleted u1@5', 'audit: added u1@11', 'watch: modified u1@11->12']);
  });

  test('of an earlier object leaves a later one of the same name alone', async () => {
    const { store } = await storeAt(10, [object('a', 'u2', 9)]);
    store.noteDeleted({ ...A, uid: 'u1' });
    expect(store.get(A)?.metadata.uid).toBe('u2');
  });
});

describe('a list', () => {
  test('keeps what our writes did while it was read, and nothing else that is newer', async () => {
    const { store } = await storeAt(10, [object('a', 'u1', 5), object('b', 'u2', 6), object('c', 'u3', 7)]);
    const journal = store.openJournal();
    store.noteWritten(object('a', 'u1', 22));
    store.noteDeleted({ namespace: 'default', name: 'b', uid: 'u2' });
    store.noteWritten(object('d', 'u4', 23));
    await store.replace([object('a', 'u1', 5), object('b', 'u2', 6)], '20', journal);
    expect([...store.values()].map(({ metadata }) => `${metadata.uid}@${metadata.resourceVersion}`)).toEqual([
      'u1@22',
      'u4@23',
    ]);
  });

  test('wins over a cache whose resourceVersions lie in the future of a restored server', async () => {
    const { store, changes } = await storeAt(1000, [object('a', 'u1', 900), object('b', 'u2', 950)]);
    await store.replace([object('a', 'u1', 50)], '60', store.openJournal());
    expect(store.cachedRV(A)).toBe('50');
    expect(store.lastSyncRV()).toBe('60');
    expect(changes).toEqual(['list: modified u1@900->50', 'list: deleted u2@950']);
  });

  test('with the same object twice keeps the newer one', async () => {
    const { store } = await storeAt(10, [object('a', 'u1', 7), object('a', 'u1', 5)]);
    expect(store.cachedRV(A)).toBe('7');
    expect(store.size).toBe(1);
  });

  test('of unchanged objects tells nobody', async () => {
    const { store, changes } = await storeAt(10, [object('a', 'u1', 5)]);
    await store.replace([object('a', 'u1', 5)], '20', store.openJournal());
    expect(changes).toEqual([]);
  });
});

describe('an index', () => {
  const indexers = { byApp: (one: KubeObject) => Object.values(one.metadata.labels ?? {}) };

  test('follows additions, changes, deletions and lists', async () => {
    const { store } = await storeAt(10, [object('a', 'u1', 5, { app: 'x' })], { indexers });
    const names = (value: string) => store.byIndex('byApp', value).map(one => one.metadata.name);
    store.applyEvent('ADDED', object('b', 'u2', 11, { app: 'x' }));
    expect(names('x')).toEqual(['a', 'b']);
    store.applyEvent('MODIFIED', object('a', 'u1', 12, { app: 'y' }));
    expect([names('x'), names('y')]).toEqual([['b'], ['a']]);
    store.applyEvent('DELETED', object('b', 'u2', 13, { app: 'x' }));
    expect(names('x')).toEqual([]);
    await store.replace([object('c', 'u3', 14, { app: 'x' })], '20', store.openJournal());
    expect([names('x'), names('y')]).toEqual([['c'], []]);
    expect(() => store.byIndex('unknown', 'x')).toThrow(RangeError);
  });
});

describe('the spec of an object whose generation tells its changes', () => {
  const specified = (rv: number, generation: number | undefined, value: string, uid = 'u1'): KubeObject => ({
    kind: 'Thing',
    metadata: { namespace: 'default', name: 'a', uid, resourceVersion: String(rv), generation },
    spec: { value },
  });
  const specOf = (store: ObjectStore) => store.get(A)?.['spec'];

  test('stays the same object over changes of the status, by a watch and by a write', async () => {
    const { store } = await storeAt(10, [specified(5, 1, 'x')], { specByGeneration: true });
    const first = specOf(store);
    store.applyEvent('MODIFIED', specified(11, 1, 'x'));
    expect(specOf(store)).toBe(first);
    store.noteWritten(specified(12, 1, 'x'));
    expect(specOf(store)).toBe(first);
    expect(store.cachedRV(A)).toBe('12');
  });

  test('is the new one with a new generation, a new uid, or without a generation', async () => {
    const { store } = await storeAt(10, [specified(5, 1, 'x')], { specByGeneration: true });
    store.applyEvent('MODIFIED', specified(11, 2, 'y'));
    expect(specOf(store)).toEqual({ value: 'y' });
    store.applyEvent('MODIFIED', specified(12, 2, 'z', 'u2'));
    expect(specOf(store)).toEqual({ value: 'z' });
    store.applyEvent('MODIFIED', specified(13, undefined, 'w', 'u2'));
    expect(specOf(store)).toEqual({ value: 'w' });
  });
});

test('a list that no longer has an object says so to what else is being read, which may still show it', async () => {
  const { store } = await storeAt(10, [object('a', 'u1', 5), object('b', 'u2', 6)]);
  const other = store.openJournal();
  await store.replace([object('b', 'u3', 11)], '12', store.openJournal());
  expect([...other.deleted]).toEqual([
    ['u1', 'default/a'],
    ['u2', 'default/b'],
  ]);
});
