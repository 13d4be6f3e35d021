import { readdir, readFile } from 'node:fs/promises';
import { load } from 'js-yaml';
import type { KubeClient } from '../../kube/client.ts';
import type { KubeObject } from '../../kube/kube-object.ts';
import type { ResourceType } from '../../kube/resource-path.ts';
import { CONTROLLER_NAME, GATEWAY_CLASSES, GATEWAYS, HTTP_ROUTES } from './gateway-types.ts';

const CRDS: ResourceType = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  plural: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  namespaced: false,
};

/** Name of the GatewayClass that {@link installGatewayApi} makes. */
const GATEWAY_CLASS = 'sandbox';

/** The reduced Gateway API CRDs of the sandbox. */
async function gatewayCrds(): Promise<KubeObject[]> {
  const folder = new URL('./crds/', import.meta.url);
  const files = (await readdir(folder)).filter(file => file.endsWith('.yaml')).sort();
  return Promise.all(files.map(async file => load(await readFile(new URL(file, folder), 'utf8')) as KubeObject));
}

/**
 * Installs the CRDs that are missing, waits until they are served and makes the GatewayClass `sandbox`.
 * CRDs that are there already, such as upstream's own, stay as they are. @throws ApiError, or Error when one is not served in 10 s
 */
export async function installGatewayApi(client: KubeClient): Promise<void> {
  for (const crd of await gatewayCrds()) {
    if (await client.find(CRDS, { name: crd.metadata.name })) continue;
    await client.create(CRDS, crd);
  }
  for (const type of [GATEWAY_CLASSES, GATEWAYS, HTTP_ROUTES]) {
    const deadline = client.transport.clock.monotonic() + 10_000;
    while (!(await client.isServed(type))) {
      if (client.transport.clock.monotonic() > deadline)
        throw new Error(`CRD of ${type.kind} is not served after 10 s`);
      await new Promise<void>(resolve => client.transport.clock.setTimeout(resolve, 20));
    }
  }
  const name = GATEWAY_CLASS;
  if (await client.find(GATEWAY_CLASSES, { name })) return;
  const apiVersion = 'gateway.networking.k8s.io/v1';
  const spec = { controllerName: CONTROLLER_NAME };
  await client.create(GATEWAY_CLASSES, { apiVersion, kind: 'GatewayClass', metadata: { name }, spec });
}
