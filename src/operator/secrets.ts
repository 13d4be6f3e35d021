import { SecretUnavailable } from '../api/secret-unavailable.ts';
import type { KubeClient } from '../kube/client.ts';
import { ApiError } from '../kube/errors.ts';
import { isRecord, type KubeObject } from '../kube/kube-object.ts';
import { BriefCache } from './brief-cache.ts';
import { RESOURCES } from './resources.ts';

/** Less than a query or a delivery may take: else its own deadline would be told, and not what it waited for. */
const TIMEOUT_MS = 8_000;

/** A measurement every second or two would else be a request each; README says how soon a changed Secret is used. */
const KEEP_MS = 15_000;
const MOST_KEPT = 200;
/** Whoever may write Secrets must not fill our memory with them. Characters. */
const LARGEST_KEPT = 64 * 1024;

type Values = Readonly<Record<string, string>>;
type KeyOf = { readonly name: string; readonly key: string };

/** Reads named Secrets, one at a time and only when needed. Never lists, never watches. */
export class SecretReader {
  readonly #client: KubeClient;
  readonly #kept: BriefCache<Values>;

  constructor(client: KubeClient) {
    this.#client = client;
    this.#kept = new BriefCache({ clock: client.transport.clock, keepMs: KEEP_MS, most: MOST_KEPT, isSmall });
  }

  /** All keys of a Secret, decoded. @throws SecretUnavailable naming the Secret, never its content */
  async readAll(namespace: string, name: string): Promise<Values> {
    return await this.#readNow(namespace, name);
  }

  /** One key of a Secret. @throws SecretUnavailable naming the Secret and the key, never their content */
  async read(namespace: string, ref: KeyOf): Promise<string> {
    return keyOf(namespace, ref, await this.#readNow(namespace, ref.name));
  }

  /** The same for what is asked again and again: as it was at most 15 seconds ago. @throws SecretUnavailable as `read` does */
  async readKept(namespace: string, ref: KeyOf): Promise<string> {
    try {
      const ask = () => this.#readNow(namespace, ref.name);
      return keyOf(namespace, ref, await this.#kept.get(`${namespace}/${ref.name}`, ask));
    } catch (error) {
      this.forget(namespace, ref.name);
      throw error;
    }
  }

  /** For a Secret whose content turned out to be of no use: who reads what is kept gets what it holds then. */
  forget(namespace: string, name: string): void {
    this.#kept.forget(`${namespace}/${name}`);
  }

  async #readNow(namespace: string, name: string): Promise<Values> {
    const secret = await this.#find(namespace, name);
    if (!secret)
      throw new SecretUnavailable(`Secret ${namespace}/${name} does not exist; create it or change the reference`);
    const data = isRecord(secret.data) ? secret.data : {};
    const decoded = Object.entries(data).map(
      ([key, value]) => [key, Buffer.from(String(value), 'base64').toString('utf8')] as const,
    );
    return Object.fromEntries(decoded);
  }

  async #find(namespace: string, name: string): Promise<KubeObject | undefined> {
    try {
      return await this.#client.find(RESOURCES.secrets, { namespace, name }, { timeoutMs: TIMEOUT_MS });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      const secret = `Secret ${namespace}/${name}`;
      if (error.code !== 'forbidden')
        throw new SecretUnavailable(`${secret} could not be read now (${whyOf(error)})`, { cause: error });
      const allow = `kubectl -n ${namespace} create rolebinding sluice-secrets --clusterrole=sluice-team-secrets ${subjectOf(error)}`;
      throw new SecretUnavailable(`${secret} may not be read; allow it: ${allow}`, { cause: error });
    }
  }
}

function keyOf(namespace: string, { name, key }: KeyOf, values: Values): string {
  const value = values[key];
  if (value === undefined) throw new SecretUnavailable(`Secret ${namespace}/${name} has no key "${key}"`);
  return value.trimEnd();
}

function isSmall(values: Values): boolean {
  return Object.values(values).reduce((sum, value) => sum + value.length, 0) <= LARGEST_KEPT;
}

/** In a word: texts of failed connections hold addresses. */
function whyOf({ status, code, cause }: ApiError): string {
  if (status > 0) return `HTTP ${status}`;
  const errno = isRecord(cause) ? cause['code'] : undefined;
  if (typeof errno === 'string' && /^[A-Z0-9_]{1,64}$/.test(errno)) return errno;
  return code === 'transient' ? 'no answer' : code;
}

/**
 * Whom to allow it, as an argument of `kubectl create rolebinding`: who the API server says that we are. What is `system:` but
 * no service account, such as `system:anonymous`, must not be allowed anything.
 */
function subjectOf({ message }: ApiError): string {
  const user = /\bUser "([\w.@:-]+)" cannot get /.exec(message)?.[1] ?? '';
  const account = /^system:serviceaccount:([a-z0-9-]+:[a-z0-9.-]+)$/.exec(user)?.[1];
  if (account === undefined && user !== '' && !user.startsWith('system:')) return `--user=${user}`;
  return `--serviceaccount=${account ?? 'sluice-system:sluice'}`;
}
