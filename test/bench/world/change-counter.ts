import type { ApiAccess, KubeObject } from '../../support/control-plane/api-client.ts';
import { type ObjectWatch, watchObjects } from '../../support/control-plane/watch-objects.ts';
import { MetadataClient } from './metadata-client.ts';

/** Kinds that the operator patches. */
const WATCHED = {
  rollouts: '/apis/sluice.dev/v1alpha1/rollouts',
  analysisruns: '/apis/sluice.dev/v1alpha1/analysisruns',
  replicasets: '/apis/apps/v1/replicasets',
  controllerrevisions: '/apis/apps/v1/controllerrevisions',
  httproutes: '/apis/gateway.networking.k8s.io/v1/httproutes',
  services: '/api/v1/services',
};

/** Counts how often each object really changed, as watches tell it. */
export interface ChangeCounter {
  /** Changes so far, by `resource/namespace/name`; an object's coming and going do not count. */
  readonly changes: ReadonlyMap<string, number>;
  /** How many objects there are of some kinds together. */
  objects(kinds: readonly (keyof typeof WATCHED)[]): number;
  stop(): Promise<void>;
}

/** Begins to count. */
export async function startChangeCounter(access: ApiAccess): Promise<ChangeCounter> {
  const client = new MetadataClient(access);
  const changes = new Map<string, number>();
  const watches: ObjectWatch[] = [];
  const alive = new Map<string, Map<string, string | undefined>>();
  for (const [resource, path] of Object.entries(WATCHED)) {
    const versions = new Map<string, string | undefined>();
    alive.set(resource, versions);
    const keyOf = ({ metadata }: KubeObject) => `${resource}/${metadata.namespace}/${metadata.name}`;
    const onObject = (object: KubeObject) => {
      const key = keyOf(object);
      const { resourceVersion } = object.metadata;
      if (versions.has(key) && versions.get(key) !== resourceVersion) changes.set(key, (changes.get(key) ?? 0) + 1);
      versions.set(key, resourceVersion);
    };
    watches.push(await watchObjects(client, path, { onObject, onGone: object => void versions.delete(keyOf(object)) }));
  }
  return {
    changes,
    objects: kinds => kinds.reduce((sum, kind) => sum + (alive.get(kind)?.size ?? 0), 0),
    stop: async () => {
      await Promise.all(watches.map(watch => watch.stop()));
      client.close();
    },
  };
}
