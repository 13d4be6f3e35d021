import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { notifierSpecSchema } from '../../src/api/notifier.ts';
import { SecretUnavailable } from '../../src/api/secret-unavailable.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { notify } from '../../src/notifiers/registry.ts';
import { RESOURCES } from '../../src/operator/resources.ts';
import { SecretReader } from '../../src/operator/secrets.ts';
import { clientOf } from '../kube/kube-fixture.ts';
import { aNotice } from '../notifiers/a-notice.ts';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';
import type { FaultAction } from '../support/fault-plan.ts';
import { FaultServer } from '../support/fault-server.ts';

const REF = { name: 'chat', key: 'url' };

let api: FaultServer;
let clock: FakeClock;
let client: KubeClient;
let secrets: SecretReader;

beforeEach(async () => {
  api = await FaultServer.start([RESOURCES.secrets]);
  clock = new FakeClock();
  client = clientOf(api, { clock });
  secrets = new SecretReader(client);
});
afterEach(async () => {
  client.transport.close();
  await api.close();
});

const fails = (action: FaultAction) => api.inject({ verb: 'get', plural: 'secrets', times: 10, action });

/** The words in which a Secret that cannot be read is told. */
async function told(namespace = 'shop'): Promise<string> {
  const error: unknown = await secrets.read(namespace, REF).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(SecretUnavailable);
  return (error as SecretUnavailable).message;
}

/** What a Notifier whose address is in the Secret is told to have failed for. */
async function notifierTold(): Promise<string> {
  const spec = notifierSpecSchema.parse({ webhook: { urlSecretRef: REF } });
  const readSecret = () => secrets.read('shop', REF);
  const { signal } = new AbortController();
  const delivery = await notify(spec, aNotice(), { signal, readSecret, now: () => 0, retries: 0 });
  return 'why' in delivery ? delivery.why : delivery.result;
}

describe('a Secret that may not be read', () => {
  const forbids = (user: string) =>
    fails({
      kind: 'status',
      status: 403,
      reason: 'Forbidden',
      message: `secrets "chat" is forbidden: User "${user}" cannot get resource "secrets" in API group "" in the namespace "shop"`,
    });
  const allow = (subject: string) =>
    `Secret shop/chat may not be read; allow it: kubectl -n shop create rolebinding sluice-secrets --clusterrole=sluice-team-secrets ${subject}`;

  it.each([
    ['system:serviceaccount:delivery:sluice-eu', '--serviceaccount=delivery:sluice-eu'],
    ['ops@example.com', '--user=ops@example.com'],
    ['system:anonymous', '--serviceaccount=sluice-system:sluice'],
    ['$(reboot)', '--serviceaccount=sluice-system:sluice'],
  ])('is to be allowed to whom the API server knows the operator as: %s', async (user, subject) => {
    forbids(user);
    expect(await told()).toBe(allow(subject));
  });

  it('is to be allowed to the account of our manifests where the API server does not say who asked', async () => {
    fails({ kind: 'status', status: 403, reason: 'Forbidden', message: 'no' });
    expect(await told()).toBe(allow('--serviceaccount=sluice-system:sluice'));
  });
});

describe('a Secret that cannot be read now', () => {
  it.each<[string, FaultAction, string]>([
    ['a refusal', { kind: 'status', status: 503 }, 'HTTP 503'],
    ['a broken connection', { kind: 'reset' }, 'ECONNRESET'],
  ])('is told as that, and not as missing, after %s', async (_what, action, why) => {
    fails(action);
    expect(await told()).toBe(`Secret shop/chat could not be read now (${why})`);
    expect(await notifierTold()).toBe(
      `a Secret that the Notifier names cannot be read: Secret shop/chat could not be read now (${why})`,
    );
  });

  it('is told as that when the API server does not answer, before a query or a delivery runs out of time', async () => {
    fails({ kind: 'silent' });
    const telling = told();
    await eventually('it is asked', () => api.seen('get', 'secrets').length === 1);
    await clock.advance(9_000);
    expect(await telling).toBe('Secret shop/chat could not be read now (no answer)');
  });
});
