import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadAll } from 'js-yaml';
import { type ApiClient, ApiFailure, type KubeObject } from './api-client.ts';

const FIELD_MANAGER = 'rig';
const DISCOVERY_TIMEOUT_MS = 20_000;
const FIRST = ['Namespace', 'CustomResourceDefinition'];

/** Applies every manifest of a folder (or one file), server-side; see {@link applyObjects}. Skips kustomization files. */
export async function applyFolder(client: ApiClient, path: string): Promise<KubeObject[]> {
  const files = statSync(path).isDirectory()
    ? readdirSync(path, { recursive: true, encoding: 'utf8' })
        .filter(name => /\.(ya?ml|json)$/.test(name))
        .sort()
        .map(name => join(path, name))
    : [path];
  const objects = files.flatMap(file => readManifests(readFileSync(file, 'utf8')));
  return await applyObjects(client, objects);
}

/** The Kubernetes objects in a YAML text; Lists are unrolled, everything else (such as a kustomization) is left out. */
export function readManifests(text: string): KubeObject[] {
  return loadAll(text).flatMap(document => {
    const object = document as (KubeObject & { items?: KubeObject[] }) | null;
    if (object?.apiVersion === undefined || object.kind === undefined) return [];
    if (object.kind.endsWith('List') && object.items !== undefined) return object.items;
    return object.metadata?.name === undefined ? [] : [object];
  });
}

/**
 * Applies objects server-side and by force, Namespaces and CRDs first, and waits until the CRDs are served. Returns the
 * objects as the server stored them.
 */
export async function applyObjects(client: ApiClient, objects: readonly KubeObject[]): Promise<KubeObject[]> {
  const first = objects.filter(object => FIRST.includes(object.kind ?? ''));
  const applied = await Promise.all(first.map(object => applyObject(client, object)));
  await Promise.all(
    first
      .filter(object => object.kind === 'CustomResourceDefinition')
      .map(crd => established(client, crd.metadata.name)),
  );
  for (const object of objects) if (!first.includes(object)) applied.push(await applyObject(client, object));
  return applied;
}

/** Applies one object server-side and by force; an object without a namespace goes to `default` when its kind needs one. */
export async function applyObject(client: ApiClient, object: KubeObject): Promise<KubeObject> {
  const { plural, namespaced } = await resourceOf(client, object);
  const root = rootOf(object.apiVersion ?? 'v1');
  const scope = namespaced ? `/namespaces/${object.metadata.namespace ?? 'default'}` : '';
  const query = `fieldManager=${FIELD_MANAGER}&force=true`;
  return await client.patch(`${root}${scope}/${plural}/${object.metadata.name}?${query}`, 'apply', object);
}

const rootOf = (apiVersion: string) => (apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`);

/** Discovery may lag behind a new CRD, so a missing kind is looked for again for a while. */
async function resourceOf(client: ApiClient, object: KubeObject): Promise<{ plural: string; namespaced: boolean }> {
  const deadline = Date.now() + DISCOVERY_TIMEOUT_MS;
  for (;;) {
    const found = await discover(client, object);
    if (found !== undefined) return { plural: found.name, namespaced: found.namespaced };
    if (Date.now() > deadline) throw new Error(`the API server serves no ${object.apiVersion} ${object.kind}`);
    await sleep(100);
  }
}

async function discover(client: ApiClient, object: KubeObject) {
  try {
    const answer = (await client.call('GET', rootOf(object.apiVersion ?? 'v1'))) as {
      resources: { name: string; kind: string; namespaced: boolean }[];
    };
    return answer.resources.find(resource => resource.kind === object.kind && !resource.name.includes('/'));
  } catch (error) {
    if (error instanceof ApiFailure && error.status === 404) return undefined;
    throw error;
  }
}

async function established(client: ApiClient, name: string): Promise<void> {
  const deadline = Date.now() + DISCOVERY_TIMEOUT_MS;
  for (;;) {
    const crd = await client.get(`/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${name}`);
    // A CRD that was just created may have `conditions: null`.
    const { conditions } = (crd.status ?? {}) as { conditions?: { type: string; status: string }[] | null };
    if (conditions?.some(condition => condition.type === 'Established' && condition.status === 'True')) return;
    if (Date.now() > deadline) throw new Error(`CRD ${name} was not established: ${JSON.stringify(conditions)}`);
    await sleep(50);
  }
}
