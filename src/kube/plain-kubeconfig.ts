import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { isRecord } from './kube-object.ts';
import type { Credentials, KubeconfigOptions, LoadedKubeconfig } from './kubeconfig.ts';

/** What this reader understands; anything else in a cluster or user makes it stand aside. */
const CLUSTER_KEYS = new Set([
  'server',
  'certificate-authority',
  'certificate-authority-data',
  'insecure-skip-tls-verify',
  'tls-server-name',
  'extensions',
]);
const USER_KEYS = new Set([
  'token',
  'tokenFile',
  'username',
  'password',
  'client-certificate',
  'client-certificate-data',
  'client-key',
  'client-key-data',
  'extensions',
]);

/**
 * Reads a kubeconfig whose credentials are in files: tokens, certificates, passwords.
 * @returns undefined when it is not that plain (login helper, proxy, several files) or not well-formed: the library's part.
 * @throws Error when the file cannot be read.
 */
export async function plainKubeconfig(options: KubeconfigOptions): Promise<LoadedKubeconfig | undefined> {
  const file = onlyFile(options);
  if (file === undefined) return undefined;
  const [text, yaml] = await Promise.all([readFile(file, 'utf8'), import('js-yaml')]);
  const config: unknown = parsed(text, yaml.load);
  if (!isRecord(config)) return undefined;
  const context = named(config.contexts, options.context ?? config['current-context'], 'context');
  const cluster = context && named(config.clusters, context.cluster, 'cluster');
  const user = context && (named(config.users, context.user, 'user') ?? {});
  if (!cluster || !user || typeof cluster.server !== 'string') return undefined;
  if (!hasOnly(cluster, CLUSTER_KEYS) || !hasOnly(user, USER_KEYS)) return undefined;
  const namespace = context.namespace;
  return {
    server: cluster.server.replace(/\/+$/, ''),
    namespace: typeof namespace === 'string' && namespace !== '' ? namespace : 'default',
    credentials: () => credentialsOf(cluster, user, dirname(file)),
  };
}

/** The one file to read, or undefined when several are to be merged. */
function onlyFile(options: KubeconfigOptions): string | undefined {
  if (options.file !== undefined) return options.file;
  const listed = (process.env.KUBECONFIG ?? '').split(delimiter).filter(file => file !== '');
  if (listed.length > 1) return undefined;
  return listed[0] ?? join(homedir(), '.kube', 'config');
}

function parsed(text: string, load: (text: string) => unknown): unknown {
  try {
    return load(text);
  } catch {
    return undefined;
  }
}

type Entry = Readonly<Record<string, unknown>>;

/** The body of the first entry of that name. An entry without a body, as `users` may have, is an empty one. */
function named(list: unknown, name: unknown, kind: string): Entry | undefined {
  if (!Array.isArray(list)) return undefined;
  const entry: unknown = list.find(item => isRecord(item) && item.name === name);
  if (!isRecord(entry)) return undefined;
  const body = entry[kind] ?? {};
  return isRecord(body) ? body : undefined;
}

/** Whether every key is known, and every value a string or a boolean: what `kubectl config` writes. */
function hasOnly(entry: Entry, keys: ReadonlySet<string>): boolean {
  return Object.entries(entry).every(
    ([key, value]) =>
      keys.has(key) && (key === 'extensions' || typeof value === 'string' || typeof value === 'boolean'),
  );
}

async function credentialsOf(cluster: Entry, user: Entry, dir: string): Promise<Credentials> {
  const [ca, cert, key, token] = await Promise.all([
    pem(cluster, 'certificate-authority', dir),
    pem(user, 'client-certificate', dir),
    pem(user, 'client-key', dir),
    tokenOf(user, dir),
  ]);
  const login = given(user.username);
  const basic = login && `Basic ${Buffer.from(`${login}:${given(user.password) ?? ''}`).toString('base64')}`;
  const authorization = basic ?? (token && `Bearer ${token}`);
  return {
    headers: authorization === undefined ? {} : { authorization },
    tls: {
      ca,
      cert,
      key,
      servername: given(cluster['tls-server-name']),
      rejectUnauthorized: cluster['insecure-skip-tls-verify'] === true ? false : undefined,
    },
  };
}

/** A certificate or key: inline as base64, which wins as in kubectl, or in a file next to the kubeconfig. */
async function pem(entry: Entry, key: string, dir: string): Promise<Buffer | undefined> {
  const inline = given(entry[`${key}-data`]);
  if (inline !== undefined) return Buffer.from(inline, 'base64');
  const path = given(entry[key]);
  return path === undefined ? undefined : readFile(resolve(dir, path));
}

/** A token file wins over an inline token, as in kubectl: it is the one that gets renewed. */
async function tokenOf(user: Entry, dir: string): Promise<string | undefined> {
  const path = given(user.tokenFile);
  return path === undefined ? given(user.token) : (await readFile(resolve(dir, path), 'utf8')).trim();
}

function given(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
