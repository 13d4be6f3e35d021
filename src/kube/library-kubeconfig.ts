import type { RequestOptions } from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';
import type { TlsOptions } from './config.ts';
import type { Credentials, KubeconfigOptions, LoadedKubeconfig } from './kubeconfig.ts';

/**
 * A kubeconfig read by the official client library: exec plugins, OIDC, proxies, merged files. Nothing else of it is used.
 * @throws Error when the file is missing or the context names no cluster.
 */
export function libraryKubeconfig(options: KubeconfigOptions): LoadedKubeconfig {
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
  const cluster = config.getCurrentCluster();
  if (!cluster) throw new Error(`kubeconfig: context "${config.getCurrentContext()}" names no known cluster`);
  return {
    server: cluster.server.replace(/\/+$/, ''),
    namespace: config.getContextObject(config.getCurrentContext())?.namespace || 'default',
    credentials: () => credentialsOf(config),
  };
}

async function credentialsOf(config: KubeConfig): Promise<Credentials> {
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
  return { headers, tls };
}
