import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { notifierSpecSchema } from '../../src/api/notifier.ts';
import { SecretUnavailable } from '../../src/api/secret-unavailable.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { systemClock } from '../../src/kube/clock.ts';
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

describe('a Secret that was read', () => {
  const asked = () => api.seen('get', 'secrets').length;
  const store = (value: string, name = 'chat', key = 'url') => {
    const collection = api.of(RESOURCES.secrets);
    const object = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name, namespace: 'shop' },
      data: { [key]: Buffer.from(value).toString('base64') },
    };
    collection.objects.delete(`shop/${name}`);
    collection.create(object);
  };
  const read = (name = 'chat') => secrets.readKept('shop', { name, key: 'url' });

  it('is not asked for again for 15 seconds, and is what it is then', async () => {
    store('old');
    expect([await read(), await read()]).toEqual(['old', 'old']);
    store('new');
    await clock.advance(14_000);
    expect([await read(), asked()]).toEqual(['old', 1]);
    await clock.advance(1_000);
    expect([await read(), asked()]).toEqual(['new', 2]);
  });

  it('is asked for all the same by an alert, of which there are few: an address that was rotated a moment ago would lose it', async () => {
    store('old');
    await read();
    store('new');
    expect([await secrets.read('shop', REF), await secrets.readAll('shop', 'chat')]).toEqual(['new', { url: 'new' }]);
    expect(await read()).toBe('old');
  });

  it('is asked for once by all who want it at the same time', async () => {
    store('same');
    expect(await Promise.all([read(), read(), read()])).toEqual(['same', 'same', 'same']);
    expect(asked()).toBe(1);
  });

  it('of another namespace or name is another', async () => {
    store('a');
    store('b', 'mail');
    expect([await read(), await read('mail')]).toEqual(['a', 'b']);
    await expect(secrets.readKept('other', REF)).rejects.toThrow('Secret other/chat does not exist');
  });

  it('leaves memory after that time, though nobody asks again', async () => {
    store('old');
    await read();
    expect(clock.pending).toBe(1);
    await clock.advance(15_000);
    expect(clock.pending).toBe(0);
  });

  it('does not keep the process alive', async () => {
    const timers: NodeJS.Timeout[] = [];
    const real = clientOf(api, {
      clock: {
        ...systemClock,
        setTimeout: (fn, ms) => {
          const timer = systemClock.setTimeout(fn, ms);
          if (ms === 15_000) timers.push(timer as NodeJS.Timeout);
          return timer;
        },
      },
    });
    store('old');
    await new SecretReader(real).readKept('shop', REF);
    expect(timers.map(timer => timer.hasRef())).toEqual([false]);
    clearTimeout(timers[0]);
    real.transport.close();
  });

  it('is one of 200 at most: the oldest makes room', async () => {
    const names = Array.from({ length: 201 }, (_, index) => `s${index}`);
    for (const name of names) store(name, name);
    for (const name of names) await read(name);
    expect([asked(), clock.pending]).toEqual([201, 200]);
    await read('s200');
    await read('s1');
    expect(asked()).toBe(201);
    await read('s0');
    expect(asked()).toBe(202);
  });

  it('is not kept when it is large', async () => {
    store('x'.repeat(65 * 1024));
    await read();
    expect(clock.pending).toBe(0);
    await read();
    expect(asked()).toBe(2);
  });

  it('and could not be, or has no such key, is asked for again at once', async () => {
    await expect(read()).rejects.toThrow('does not exist');
    store('x', 'chat', 'address');
    await expect(read()).rejects.toThrow('has no key "url"');
    store('here');
    expect(await read()).toBe('here');
    secrets.forget('shop', 'chat');
    fails({ kind: 'status', status: 503 });
    await expect(read()).rejects.toThrow('HTTP 503');
    api.plan.clear();
    expect(await read()).toBe('here');
    expect(clock.pending).toBe(1);
  });
});
