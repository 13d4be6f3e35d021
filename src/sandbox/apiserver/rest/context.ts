import type { KubeObject } from '../json.ts';
import type { Store } from '../storage/store.ts';
import type { TypeRegistry } from '../types/registry.ts';
import type { ResourceType } from '../types/resource-type.ts';

/** What the parts of the server share. Time and randomness are injected. */
export interface ServerContext {
  store: Store;
  registry: TypeRegistry;
  /** Milliseconds since the epoch. */
  now: () => number;
  /** 0 <= n < 1. */
  random: () => number;
  /** Additional changes to an object that is about to be stored for the first time (cluster IPs). May throw. */
  beforeCreate: (type: ResourceType, object: KubeObject) => void;
  /** Additional changes to an updated object (node ports after a change of type). May throw. */
  beforeUpdate: (type: ResourceType, object: KubeObject, old: KubeObject) => void;
}
