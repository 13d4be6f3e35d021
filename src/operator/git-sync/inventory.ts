import type { GitSyncStatus } from '../../api/git-sync.ts';
import type { KubeObject } from '../../kube/kube-object.ts';
import type { Manifest } from './manifests.ts';

/** What a GitSync remembers of one object that it applied. */
export type InventoryEntry = NonNullable<GitSyncStatus['inventory']>[number];

/** As many objects as a GitSync's status can hold. */
export const MAX_OBJECTS = 2_000;

/** `<namespace>_<name>_<group>_<kind>`, as Flux writes it. */
export function inventoryId(object: Pick<KubeObject, 'apiVersion' | 'kind' | 'metadata'>, namespace: string): string {
  const apiVersion = object.apiVersion ?? '';
  const group = apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : '';
  return `${namespace}_${object.metadata.name}_${group}_${object.kind ?? ''}`;
}

/** What an id says. Only names may have underscores of their own: those of Roles do. */
export function readInventoryId(id: string): { namespace: string; name: string; group: string; kind: string } {
  const [namespace = '', ...rest] = id.split('_');
  const kind = rest.pop() ?? '';
  const group = rest.pop() ?? '';
  return { namespace, name: rest.join('_'), group, kind };
}

/**
 * The entries that a GitSync of this namespace may have written itself. Who may write a GitSync's status may not be
 * allowed to delete anything elsewhere: an entry that names another namespace, or nothing at all, is nobody's.
 */
export function entriesOf(inventory: readonly InventoryEntry[] | undefined, namespace: string): InventoryEntry[] {
  return (inventory ?? []).filter(entry => {
    const { namespace: given, name, group, kind } = readInventoryId(entry.id);
    const isWhole = [name, kind, entry.version].every(part => part !== '');
    return given === namespace && isWhole && ![name, group, entry.version].some(part => part === '.' || part === '..');
  });
}

/**
 * Entries of what is about to be applied for the first time. They have no digest: nobody knows yet whether the object is
 * there. What names another namespace will be refused, and what another GitSync holds is not ours.
 */
export function upcomingEntries(
  manifests: readonly Manifest[],
  previous: readonly InventoryEntry[],
  namespace: string,
  otherHolder: (id: string) => string | undefined,
): InventoryEntry[] {
  const known = new Set(previous.map(({ id }) => id));
  const upcoming = manifests
    .filter(({ object }) => (object.metadata.namespace ?? namespace) === namespace)
    .map(({ object }) => ({
      id: inventoryId(object, namespace),
      version: (object.apiVersion ?? '').split('/').at(-1) ?? '',
      digest: '',
      revision: '',
    }))
    .filter(({ id }) => !known.has(id) && otherHolder(id) === undefined);
  // What would not be believed when it is read back would be new for ever.
  return entriesOf(upcoming, namespace);
}
