import type { KubeClient } from '../kube/client.ts';
import { ApiError } from '../kube/errors.ts';
import { isRecord, type KubeObject } from '../kube/kube-object.ts';
import { SecretUnavailable } from '../notifiers/notifier.ts';
import { RESOURCES } from './resources.ts';

/** Reads named Secrets, one at a time and only when needed. Never lists, never watches, keeps nothing. */
export class SecretReader {
  readonly #client: KubeClient;

  constructor(client: KubeClient) {
    this.#client = client;
  }

  /** All keys of a Secret, decoded. @throws Error naming the Secret, never its content */
  async readAll(namespace: string, name: string): Promise<Record<string, string>> {
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
      return await this.#client.find(RESOURCES.secrets, { namespace, name });
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== 'forbidden') throw error;
      const allow = `kubectl -n ${namespace} create rolebinding sluice-secrets --clusterrole=sluice-team-secrets --serviceaccount=sluice-system:sluice`;
      throw new SecretUnavailable(`Secret ${namespace}/${name} may not be read; allow it: ${allow}`, { cause: error });
    }
  }

  /** One key of a Secret. @throws Error naming the Secret and the key, never their content */
  async read(namespace: string, ref: { readonly name: string; readonly key: string }): Promise<string> {
    const value = (await this.readAll(namespace, ref.name))[ref.key];
    if (value === undefined) throw new SecretUnavailable(`Secret ${namespace}/${ref.name} has no key "${ref.key}"`);
    return value.trimEnd();
  }
}
