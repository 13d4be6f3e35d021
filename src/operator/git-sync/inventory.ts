import type { GitSyncStatus } from '../../api/git-sync.ts';
import type { KubeObject } from '../../kube/kube-object.ts';

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
