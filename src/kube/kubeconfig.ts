import type { RequestOptions } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import type { Clock } from './clock.ts';
import { systemClock } from './clock.ts';
import type { ClusterConfig, TlsOptions } from './config.ts';

/** Input of {@link kubeconfigFrom}. */
export interface KubeconfigOptions {
  /** Path of a kubeconfig file; without it the library's own search (KUBECONFIG, then `~/.kube/config`). */
  readonly file?: string | undefined;
  /** Context to use instead of the current one. */
  readonly context?: string | undefined;
  readonly clock?: Clock | undefined;
}

/** Reading certificates and asking login helpers on every request would be slow; a 401 drops the answer at once. */
const CREDENTIALS_MAX_AGE_MS = 10_000;

interface Credentials {
  readonly headers: Record<string, string>;
  readonly tls: TlsOptions;
  readonly readAt: number;
}

/**
 * Configuration from a kubeconfig. The library is loaded here, lazily, and used for nothing but files, exec plugins and OIDC.
 * @throws Error when the file is missing or the context names no cluster.
 */
export async function kubeconfigFrom(options: KubeconfigOptions = {}): Promise<ClusterConfig> {
  const clock = options.clock ?? systemClock;
  let loaded = await load(options);
  let credentials: Credentials | undefined;
  let pending: Promise<Credentials> | undefined;

  const current = async (): Promise<Credentials> => {
    if (credentials && clock.monotonic() - credentials.readAt < CREDENTIALS_MAX_AGE_MS) return credentials;
    pending ??= readCredentials(loaded, credentials?.tls, clock).finally(() => {
      pending = undefined;
    });
    credentials = await pending;
    return credentials;
  };
  const cluster = loaded.getCurrentCluster();
  if (!cluster) throw new Error(`kubeconfig: context "${loaded.getCurrentContext()}" names no known cluster`);
  return {
    server: cluster.server.replace(/\/+$/, ''),
    namespace: loaded.getContextObject(loaded.getCurrentContext())?.namespace || 'default',
    requestHeaders: async () => ({ ...(await current()).headers }),
    tlsOptions: async () => (await current()).tls,
    async reload() {
      loaded = await load(options);
      credentials = credentials && { ...credentials, readAt: Number.NEGATIVE_INFINITY };
    },
  };
}

async function load(options: KubeconfigOptions): Promise<KubeConfig> {
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  if (options.file === undefined) config.loadFromDefault();
  else config.loadFromFile(options.file);
  if (options.context !== undefined) {
    if (!config.getContextObject(options.context)) throw new Error(`kubeconfig: no context "${options.context}"`);
    config.setCurrentContext(options.context);
  }
  // The library refuses plain http unless TLS verification is off; over http there is nothing to verify.
  config.clusters = config.clusters.map(cluster =>
    cluster.server.startsWith('http:') ? { ...cluster, skipTLSVerify: true } : cluster,
  );
  return config;
}

async function readCredentials(config: KubeConfig, before: TlsOptions | undefined, clock: Clock): Promise<Credentials> {
  const options: RequestOptions = {};
  await config.applyToHTTPSOptions(options);
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(options.headers ?? {})) headers[name.toLowerCase()] = String(value);
  if (options.auth) headers.authorization = `Basic ${Buffer.from(options.auth).toString('base64')}`;
  const proxied = config.getCurrentCluster()?.proxyUrl !== undefined;
  const tls: TlsOptions = {
    ca: options.ca as Buffer | undefined,
    cert: options.cert as Buffer | undefined,
    key: options.key as Buffer | undefined,
    passphrase: options.passphrase,
    servername: options.servername,
    rejectUnauthorized: options.rejectUnauthorized,
    agent: proxied && options.agent && typeof options.agent === 'object' ? options.agent : undefined,
  };
  return { headers, tls: before && sameTls(before, tls) ? before : tls, readAt: clock.monotonic() };
}

function sameTls(a: TlsOptions, b: TlsOptions): boolean {
  const text = (tls: TlsOptions) =>
    JSON.stringify([tls.ca, tls.cert, tls.key, tls.passphrase, tls.servername, tls.rejectUnauthorized].map(String));
  return text(a) === text(b) && (a.agent === undefined) === (b.agent === undefined);
}
