import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiClient } from '../control-plane/api-client.ts';

const ACCOUNT = 'operator';
/** The API server remembers for 10 s what it has checked. */
const VOID_MS = 30_000;
const BINDINGS = '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings';

/** Tokens of a ServiceAccount that may do everything, each bound to a Secret: it is void when that is deleted. */
export class RevocableTokens {
  readonly #client: ApiClient;
  readonly #root: string;
  readonly #issued = new Map<string, string>();
  #count = 0;

  private constructor(client: ApiClient, root: string) {
    this.#client = client;
    this.#root = root;
  }

  /** Creates the namespace and the account. */
  static async open(client: ApiClient, namespace: string): Promise<RevocableTokens> {
    const root = `/api/v1/namespaces/${namespace}`;
    await client.create('/api/v1/namespaces', { metadata: { name: namespace } });
    await client.create(`${root}/serviceaccounts`, { metadata: { name: ACCOUNT } });
    await client.create(BINDINGS, {
      metadata: { name: `${namespace}-${ACCOUNT}` },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
      subjects: [{ kind: 'ServiceAccount', name: ACCOUNT, namespace }],
    });
    return new RevocableTokens(client, root);
  }

  async issue(secret = `token-${this.#count++}`): Promise<{ readonly token: string }> {
    const { metadata } = await this.#client.create(`${this.#root}/secrets`, { metadata: { name: secret } });
    const boundObjectRef = { apiVersion: 'v1', kind: 'Secret', name: secret, uid: metadata.uid };
    const request = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { audiences: [], expirationSeconds: 3_600, boundObjectRef },
    };
    const answer = await this.#client.create(`${this.#root}/serviceaccounts/${ACCOUNT}/token`, request);
    const issued = answer['status'] as { token: string };
    this.#issued.set(secret, issued.token);
    return issued;
  }

  async revoke(secret: string): Promise<void> {
    await this.#client.delete(`${this.#root}/secrets/${secret}`);
  }

  /** Waits until the API server takes the token of a Secret for nobody's. */
  async untilVoid(secret: string): Promise<void> {
    const review = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      spec: { token: this.#issued.get(secret) },
    };
    const isGood = async () => {
      const { status } = await this.#client.create('/apis/authentication.k8s.io/v1/tokenreviews', review);
      return (status as { authenticated?: boolean }).authenticated === true;
    };
    for (const deadline = performance.now() + VOID_MS; await isGood(); await sleep(200))
      if (performance.now() > deadline) throw new Error(`the token of the Secret ${secret} is still good`);
  }
}
