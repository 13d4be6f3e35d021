import type { KubeClient } from '../kube/client.ts';
import { isRecord } from '../kube/kube-object.ts';
import { RESOURCES } from './resources.ts';

/** Reads named Secrets, one at a time and only when needed. Never lists, never watches, keeps nothing. */
export class SecretReader {
  readonly #client: KubeClient;

  constructor(client: KubeClient) {
    this.#client = client;
  }

  /** All keys of a Secret, decoded. @throws Error naming the Secret, never its content */
  async readAll(namespace: string, name: string): Promise<Record<string, string>> {
    const secret = await this.#client.find(RESOURCES.secrets, { namespace, name });
    if (!secret) throw new Error(`Secret ${namespace}/${name} does not exist; create it or change the reference`);
    const data = isRecord(secret.data) ? secret.data : {};
    const decoded = Object.entries(data).map(
      ([key, value]) => [key, Buffer.from(String(value), 'base64').toString('utf8')] as const,
    );
    return Object.fromEntries(decoded);
  }

  /** One key of a Secret. @throws Error naming the Secret and the key, never their content */
  async read(namespace: string, ref: { readonly name: string; readonly key: string }): Promise<string> {
    const value = (await this.readAll(namespace, ref.name))[ref.key];
    if (value === undefined) throw new Error(`Secret ${namespace}/${ref.name} has no key "${ref.key}"`);
    return value.trimEnd();
  }
}
