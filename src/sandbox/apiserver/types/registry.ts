import type { ResourceType } from './resource-type.ts';
import { apiVersionOf } from './resource-type.ts';

/** The served resource types, by group, version and plural. CRDs come and go; discovery reads what is here now. */
export class TypeRegistry {
  private readonly types = new Map<string, ResourceType>();
  private readonly byKind = new Map<string, ResourceType>();

  /** Adds or replaces a type. */
  add(type: ResourceType): void {
    this.types.set(`${apiVersionOf(type)}/${type.plural}`, type);
    this.byKind.set(`${apiVersionOf(type)}/${type.kind}`, type);
  }

  /** Stops serving a type; its stored objects are the caller's business. */
  remove(type: ResourceType): void {
    this.types.delete(`${apiVersionOf(type)}/${type.plural}`);
    this.byKind.delete(`${apiVersionOf(type)}/${type.kind}`);
  }

  /** The type at `apiVersion` (`v1`, `apps/v1`) called `plural`. */
  get(apiVersion: string, plural: string): ResourceType | undefined {
    return this.types.get(`${apiVersion}/${plural}`);
  }

  /** The type of an object's `apiVersion` and `kind`. */
  ofKind(apiVersion: string, kind: string): ResourceType | undefined {
    return this.byKind.get(`${apiVersion}/${kind}`);
  }

  /** Every type, in the order it was added. */
  all(): ResourceType[] {
    return [...this.types.values()];
  }

  /** One type per storage: enough to visit every stored object once. */
  storages(): ResourceType[] {
    const seen = new Map<string, ResourceType>();
    for (const type of this.types.values()) if (!seen.has(type.storageKey)) seen.set(type.storageKey, type);
    return [...seen.values()];
  }

  /** The API groups (without core) and their versions, in the order they were added. */
  groups(): Map<string, string[]> {
    const groups = new Map<string, string[]>();
    for (const type of this.types.values()) {
      if (type.group === '') continue;
      const versions = groups.get(type.group) ?? [];
      if (!versions.includes(type.version)) versions.push(type.version);
      groups.set(type.group, versions);
    }
    return groups;
  }
}
