import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { kubeconfigFrom } from '../../src/kube/kubeconfig.ts';
import { libraryKubeconfig } from '../../src/kube/library-kubeconfig.ts';
import { plainKubeconfig } from '../../src/kube/plain-kubeconfig.ts';

let dir: string;
const before = process.env.KUBECONFIG;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'plain-kubeconfig-'));
});
afterEach(async () => {
  if (before === undefined) delete process.env.KUBECONFIG;
  else process.env.KUBECONFIG = before;
  await rm(dir, { recursive: true });
});

async function file(user: unknown, cluster: object = {}, name = 'config'): Promise<string> {
  const path = join(dir, name);
  const config = {
    'current-context': 'main',
    clusters: [{ name: 'c', cluster: { server: 'https://10.0.0.1:6443/', ...cluster } }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'main', context: { cluster: 'c', user: 'u', namespace: 'shop' } }],
  };
  await writeFile(path, JSON.stringify(config));
  return path;
}

const base64 = (text: string) => Buffer.from(text).toString('base64');

describe('a plain kubeconfig', () => {
  const plain: readonly [what: string, user: object, cluster: object][] = [
    ['a token', { token: 'abc' }, {}],
    ['user name and password', { username: 'a', password: 'b' }, {}],
    ['user name and token', { username: 'a', password: 'b', token: 'abc' }, {}],
    [
      'inline certificates',
      { 'client-certificate-data': base64('CERT'), 'client-key-data': base64('KEY') },
      { 'certificate-authority-data': base64('CA') },
    ],
    [
      'certificates in files',
      { 'client-certificate': 'cert.pem', 'client-key': 'key.pem' },
      { 'certificate-authority': 'ca.pem' },
    ],
    ['another server name', { token: 'abc' }, { 'tls-server-name': 'kubernetes' }],
    ['verification off', { token: 'abc' }, { 'insecure-skip-tls-verify': true }],
    ['verification on', { token: 'abc' }, { 'insecure-skip-tls-verify': false }],
    ['no credentials', {}, {}],
    ['extensions', { token: 'abc' }, { extensions: [{ name: 'minikube' }] }],
  ];
  test.each(plain)('with %s is read as the library reads it', async (_what, user, cluster) => {
    for (const name of ['cert.pem', 'key.pem', 'ca.pem']) await writeFile(join(dir, name), name);
    const path = await file(user, cluster);
    const ours = await plainKubeconfig({ file: path });
    const theirs = libraryKubeconfig({ file: path });
    expect(ours).toMatchObject({ server: theirs.server, namespace: theirs.namespace });
    const [mine, reference] = [await ours?.credentials(), await theirs.credentials()];
    expect(mine?.headers).toEqual(reference.headers);
    const text = (value: unknown) => (value === undefined || value === null ? undefined : String(value));
    for (const key of ['ca', 'cert', 'key', 'servername'] as const)
      expect(text(mine?.tls[key]), key).toBe(text(reference.tls[key]));
    expect(mine?.tls.rejectUnauthorized ?? true).toBe(reference.tls.rejectUnauthorized ?? true);
  });

  test('with a token file sends what the file says now', async () => {
    await writeFile(join(dir, 'token'), 'one\n');
    const config = await plainKubeconfig({ file: await file({ tokenFile: 'token', token: 'stale' }) });
    expect((await config?.credentials())?.headers).toEqual({ authorization: 'Bearer one' });
    await writeFile(join(dir, 'token'), 'two\n');
    expect((await config?.credentials())?.headers).toEqual({ authorization: 'Bearer two' });
  });

  test('is found through KUBECONFIG', async () => {
    process.env.KUBECONFIG = await file({ token: 'abc' });
    expect((await plainKubeconfig({}))?.server).toBe('https://10.0.0.1:6443');
  });

  test('that does not exist is an error', async () => {
    await expect(kubeconfigFrom({ file: join(dir, 'absent') })).rejects.toThrow('ENOENT');
  });
});

describe('the library reads', () => {
  const beyond: readonly [what: string, user: unknown, cluster: object][] = [
    ['a login helper', { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: 'login' } }, {}],
    ['OIDC', { 'auth-provider': { name: 'oidc' } }, {}],
    ['impersonation', { token: 'abc', as: 'jane' }, {}],
    ['a proxy', { token: 'abc' }, { 'proxy-url': 'socks5://127.0.0.1:1080' }],
    ['a value of a strange type', { token: 5 }, {}],
  ];
  test.each(beyond)('%s', async (_what, user, cluster) => {
    expect(await plainKubeconfig({ file: await file(user, cluster) })).toBeUndefined();
  });

  test('several files in KUBECONFIG', async () => {
    const paths = [await file({ token: 'abc' }), await file({ token: 'abc' }, {}, 'other')];
    process.env.KUBECONFIG = paths.join(delimiter);
    expect(await plainKubeconfig({})).toBeUndefined();
  });

  test('a proxied cluster, through an agent of its own', async () => {
    const config = await kubeconfigFrom({
      file: await file({ token: 'abc' }, { 'proxy-url': 'socks5://127.0.0.1:1080' }),
    });
    expect((await config.tlsOptions()).agent).toBeDefined();
    expect(await config.requestHeaders()).toEqual({ authorization: 'Bearer abc' });
  });
});
