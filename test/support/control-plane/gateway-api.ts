import { ensureGoModuleFolder } from '../binaries/go-module-files.ts';
import type { ApiClient, KubeObject } from './api-client.ts';
import { applyFolder } from './apply-folder.ts';

/** The standard channel of Gateway API, as published in its Go module. */
const GATEWAY_API = {
  module: 'sigs.k8s.io/gateway-api',
  version: 'v1.6.1',
  sum: 'h1:mock6phZbI6rvZerwrVNk7hVNymQgHo+6sJ81Ia7ftY=',
  folder: 'config/crd/standard',
};

/** Fetches the CRDs into the cache, once; needs Go. */
export async function cachedGatewayApiCrds(): Promise<string> {
  return await ensureGoModuleFolder(GATEWAY_API);
}

/** Fetches (once, needs Go) and applies the Gateway API CRDs and their upgrade policy; resolves when they are served. */
export async function applyGatewayApiCrds(client: ApiClient): Promise<KubeObject[]> {
  return await applyFolder(client, await cachedGatewayApiCrds());
}
