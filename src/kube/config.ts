import type { Agent } from 'node:http';

/** TLS material of a connection to the API server, in the shape of node:tls. */
export interface TlsOptions {
  readonly ca?: string | Buffer | undefined;
  readonly cert?: string | Buffer | undefined;
  readonly key?: string | Buffer | undefined;
  readonly passphrase?: string | undefined;
  readonly servername?: string | undefined;
  readonly rejectUnauthorized?: boolean | undefined;
  /** Replaces our own connection pools, for a cluster that is only reachable through a proxy. */
  readonly agent?: Agent | undefined;
}

/** Where the API server is and how to be let in. Credentials are read late, so that rotation needs no restart. */
export interface ClusterConfig {
  /** Base URL without a trailing slash; may have a path prefix. */
  readonly server: string;
  /** Namespace of the context or the service account; `default` when none is set. */
  readonly namespace: string;
  /** Authentication headers for one request. May re-read files or run a login helper. */
  requestHeaders(): Promise<Record<string, string>>;
  /** TLS options. The same object is returned while nothing changed: connections are kept as long as it stays the same. */
  tlsOptions(): Promise<TlsOptions>;
  /** Forgets cached credentials and certificates; called after a 401 or a certificate failure. */
  reload(): Promise<void>;
}

/** Input of {@link staticClusterConfig}. */
export interface StaticClusterOptions {
  readonly server: string;
  readonly namespace?: string;
  readonly token?: string;
  readonly tls?: TlsOptions;
}

/** A configuration that never changes: the sandbox, tests, tools. `http://` servers are fine. */
export function staticClusterConfig(options: StaticClusterOptions): ClusterConfig {
  const headers: Record<string, string> = options.token ? { authorization: `Bearer ${options.token}` } : {};
  const tls = options.tls ?? {};
  return {
    server: options.server.replace(/\/+$/, ''),
    namespace: options.namespace ?? 'default',
    requestHeaders: () => Promise.resolve({ ...headers }),
    tlsOptions: () => Promise.resolve(tls),
    reload: () => Promise.resolve(),
  };
}
