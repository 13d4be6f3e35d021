import { readFile } from 'node:fs/promises';
import { isIPv6 } from 'node:net';
import { join } from 'node:path';
import type { Clock } from './clock.ts';
import { systemClock } from './clock.ts';
import type { ClusterConfig, TlsOptions } from './config.ts';

/** Where the kubelet mounts the service account. */
const SERVICE_ACCOUNT_DIR = '/var/run/secrets/kubernetes.io/serviceaccount';

/** The kubelet rotates projected tokens long before they expire; client-go re-reads them every minute too. */
const TOKEN_MAX_AGE_MS = 60_000;

/** Input of {@link inClusterConfig}. */
export interface InClusterOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly serviceAccountDir?: string;
  readonly clock?: Clock;
}

/**
 * Configuration from the pod's service account, without loading the kubeconfig library (it would cost 80 MiB of memory).
 * The token file is read again every minute and after a 401, the CA after a 401 or a certificate failure.
 * @throws Error when the pod environment or the service account files are missing.
 */
export async function inClusterConfig(options: InClusterOptions = {}): Promise<ClusterConfig> {
  const env = options.env ?? process.env;
  const dir = options.serviceAccountDir ?? SERVICE_ACCOUNT_DIR;
  const clock = options.clock ?? systemClock;
  const host = env.KUBERNETES_SERVICE_HOST;
  const port = env.KUBERNETES_SERVICE_PORT;
  if (!host || !port) {
    throw new Error('Not in a cluster: KUBERNETES_SERVICE_HOST and _PORT are not set. Give a kubeconfig instead.');
  }
  const namespace = (await readFile(join(dir, 'namespace'), 'utf8').catch(() => 'default')).trim() || 'default';
  let tls: TlsOptions = { ca: await readFile(join(dir, 'ca.crt')) };
  let token: { value: string; readAt: number } | undefined;
  return {
    server: `https://${isIPv6(host) ? `[${host}]` : host}:${port}`,
    namespace,
    async requestHeaders() {
      if (token === undefined || clock.monotonic() - token.readAt >= TOKEN_MAX_AGE_MS) {
        token = { value: (await readFile(join(dir, 'token'), 'utf8')).trim(), readAt: clock.monotonic() };
      }
      return { authorization: `Bearer ${token.value}` };
    },
    tlsOptions: () => Promise.resolve(tls),
    async reload() {
      token = undefined;
      const ca = await readFile(join(dir, 'ca.crt'));
      if (!ca.equals(tls.ca as Buffer)) tls = { ca };
    },
  };
}
