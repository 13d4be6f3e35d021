import type { KubeObject } from '../../kube/kube-object.ts';
import { heldIds } from './sync-status.ts';

/**
 * Finds the other GitSync of a namespace that holds an object. Of two that hold the same one, the older has it: without
 * this they would undo each other's applies for ever, and each would delete what leaves its own repository.
 */
export function otherHolder(
  self: { readonly namespace: string; readonly name: string },
  gitSyncs: () => Iterable<KubeObject>,
): (id: string) => string | undefined {
  let holders: ReadonlyMap<string, string> | undefined;
  const collect = () => {
    const all = [...gitSyncs()].filter(object => object.metadata.namespace === self.namespace).sort(byAge);
    const found = new Map<string, string>();
    for (const object of all) for (const id of heldIds(object)) if (!found.has(id)) found.set(id, object.metadata.name);
    return found;
  };
  return id => {
    holders ??= collect();
    const holder = holders.get(id);
    return holder === self.name ? undefined : holder;
  };
}

function byAge(a: KubeObject, b: KubeObject): number {
  const key = ({ metadata }: KubeObject) => `${metadata.creationTimestamp ?? ''} ${metadata.name}`;
  return key(a) < key(b) ? -1 : 1;
}
