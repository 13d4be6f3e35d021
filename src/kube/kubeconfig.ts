import type { Clock } from './clock.ts';
import { systemClock } from './clock.ts';
import type { ClusterConfig, TlsOptions } from './config.ts';
import { plainKubeconfig } from './plain-kubeconfig.ts';

/** Input of {@link kubeconfigFrom}. */
export interface KubeconfigOptions {
  /** Path of a kubeconfig file; without it kubectl's search (KUBECONFIG, then `~/.kube/config`). */
  readonly file?: string | undefined;
  /** Context to use instead of the current one. */
  readonly context?: string | undefined;
  readonly clock?: Clock | undefined;
}

/** What lets one request in. */
export interface Credentials {
  readonly headers: Record<string, string>;
  readonly tls: TlsOptions;
}

/** A kubeconfig as read from disk, at its chosen context. */
export interface LoadedKubeconfig {
  readonly server: string;
  readonly namespace: string;
  /** Reads the files that the kubeconfig names, or asks its login helper. */
  credentials(): Promise<Credentials>;
}

/** Reading certificates and asking login helpers on every request would be slow; a 401 drops the answer at once. */
const CREDENTIALS_MAX_AGE_MS = 10_000;

/**
 * Configuration from a kubeconfig. Plain ones are read here; login helpers, proxies and merged files are left to the library,
 * which is loaded only then: it costs 30 MB of memory.
 * @throws Error when the file is missing or the context names no cluster.
 */
export async function kubeconfigFrom(options: KubeconfigOptions = {}): Promise<ClusterConfig> {
  const clock = options.clock ?? systemClock;
  const first = await load(options);
  let loaded = first;
  let credentials: (Credentials & { readonly readAt: number }) | undefined;
  let pending: Promise<Credentials> | undefined;

  const read = async (): Promise<Credentials> => {
    const { headers, tls } = await loaded.credentials();
    const before = credentials?.tls;
    credentials = { headers, tls: before && sameTls(before, tls) ? before : tls, readAt: clock.monotonic() };
    return credentials;
  };
  const current = async (): Promise<Credentials> => {
    if (credentials && clock.monotonic() - credentials.readAt < CREDENTIALS_MAX_AGE_MS) return credentials;
    pending ??= read().finally(() => {
      pending = undefined;
    });
    return pending;
  };
  return {
    server: first.server,
    namespace: first.namespace,
    requestHeaders: async () => ({ ...(await current()).headers }),
    tlsOptions: async () => (await current()).tls,
    async reload() {
      loaded = await load(options);
      credentials = credentials && { ...credentials, readAt: Number.NEGATIVE_INFINITY };
    },
  };
}

async function load(options: KubeconfigOptions): Promise<LoadedKubeconfig> {
  const plain = await plainKubeconfig(options);
  if (plain) return plain;
  const { libraryKubeconfig } = await import('./library-kubeconfig.ts');
  return libraryKubeconfig(options);
}

function sameTls(a: TlsOptions, b: TlsOptions): boolean {
  const text = (tls: TlsOptions) =>
    JSON.stringify([tls.ca, tls.cert, tls.key, tls.passphrase, tls.servername, tls.rejectUnauthorized].map(String));
  return text(a) === text(b) && (a.agent === undefined) === (b.agent === undefined);
}
