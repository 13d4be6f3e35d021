import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiClient, KubeObject } from '../control-plane/api-client.ts';
import { applyObjects } from '../control-plane/apply-folder.ts';

const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

/** Path of a definition. @param name `plural.group` */
export function definitionPath(name: string): string {
  return `${CRDS}/${name}`;
}

/**
 * Deletes definitions, and with them all their objects; resolves when they are gone.
 * @returns installs them again as they were; resolves when they are served
 */
export async function deleteDefinitions(client: ApiClient, names: readonly string[]): Promise<() => Promise<void>> {
  const before: KubeObject[] = [];
  for (const name of names) before.push(await client.get(definitionPath(name)));
  for (const name of names) await client.delete(definitionPath(name));
  for (const name of names) while (await isThere(client, name)) await sleep(100);
  const anew = before.map(({ spec, metadata: { name, annotations = {} } }) => ({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name, annotations },
    spec,
  }));
  return async () => {
    await applyObjects(client, anew);
  };
}

function isThere(client: ApiClient, name: string): Promise<boolean> {
  return client.get(definitionPath(name)).then(
    () => true,
    () => false,
  );
}
