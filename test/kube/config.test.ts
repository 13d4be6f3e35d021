import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ClusterConfig } from '../../src/kube/config.ts';
import { inClusterConfig } from '../../src/kube/in-cluster-config.ts';
import { kubeconfigFrom } from '../../src/kube/kubeconfig.ts';
import { loadClusterConfig } from '../../src/kube/load-config.ts';
import { Transport } from '../../src/kube/transport.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { selfSignedCertificate } from '../support/fault-certificate.ts';
import { FaultServer } from '../support/fault-server.ts';
import { clientOf, THINGS } from './kube-fixture.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'kube-config-'));
});
afterEach(() => rm(dir, { recursive: true }));

async function kubeconfig(server: string, user: string, cluster = ''): Promise<string> {
  const file = join(dir, 'config');
  await writeFile(
    file,
    `apiVersion: v1
kind: Config
current-context: main
clusters:
- {name: c, cluster: {server: "${server}"${cluster}}}
users:
- {name: u, user: ${user}}
contexts:
- {name: main, context: {cluster: c, user: u}}
- {name: shop, context: {cluster: c, user: u, namespace: shop}}
`,
  );
  return file;
}

describe('a kubeconfig', () => {
  test('with a plain http server works and carries its token', async () => {
    const server = await FaultServer.start([THINGS]);
    const config = await kubeconfigFrom({ file: await kubeconfig(server.url, '{token: abc}') });
    server.requireToken('abc');
    const client = clientOf(server, { config });
    expect(await client.isServed(THINGS)).toBe(true);
    client.transport.close();
    await server.close();
  });

  test('gives namespace and server of the chosen context', async () => {
    const file = await kubeconfig('http://127.0.0.1:1/', '{token: abc}');
    expect((await kubeconfigFrom({ file })).namespace).toBe('default');
    const shop = await loadClusterConfig({ file, context: 'shop' });
    expect(shop.namespace).toBe('shop');
    expect(shop.server).toBe('http://127.0.0.1:1');
    await expect(kubeconfigFrom({ file, context: 'nope' })).rejects.toThrow('no context "nope"');
  });

  test('is read again after a 401', async () => {
    const server = await FaultServer.start([THINGS]);
    const config = await kubeconfigFrom({ file: await kubeconfig(server.url, '{token: old}') });
    const client = clientOf(server, { config });
    server.requireToken('old');
    await client.list(THINGS);
    await kubeconfig(server.url, '{token: new}');
    server.requireToken('new');
    await client.list(THINGS);
    expect(server.seen('list')).toHaveLength(3);
    client.transport.close();
    await server.close();
  });

  test('with user name and password sends basic authentication', async () => {
    const config = await kubeconfigFrom({ file: await kubeconfig('http://127.0.0.1:1', '{username: a, password: b}') });
    expect(await config.requestHeaders()).toMatchObject({ authorization: 'Basic YTpi' });
  });
});

describe('the service account of a pod', () => {
  const env = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443' };

  async function account(token: string) {
    await writeFile(join(dir, 'token'), `${token}\n`);
    await writeFile(join(dir, 'ca.crt'), 'CA');
    await writeFile(join(dir, 'namespace'), 'ops');
  }

  test('gives server, namespace, CA and token', async () => {
    await account('one');
    const config = await inClusterConfig({ env, serviceAccountDir: dir });
    expect(config.server).toBe('https://[fd00::1]:443');
    expect(config.namespace).toBe('ops');
    expect(await config.requestHeaders()).toEqual({ authorization: 'Bearer one' });
    expect(String((await config.tlsOptions()).ca)).toBe('CA');
  });

  test('its token is read again every minute, and at once after a reload', async () => {
    await account('one');
    const clock = new FakeClock();
    const config = await inClusterConfig({ env, serviceAccountDir: dir, clock });
    await config.requestHeaders();
    await account('two');
    expect(await config.requestHeaders()).toEqual({ authorization: 'Bearer one' });
    await clock.advance(60_000);
    expect(await config.requestHeaders()).toEqual({ authorization: 'Bearer two' });
    await account('three');
    const tls = await config.tlsOptions();
    await config.reload();
    expect(await config.requestHeaders()).toEqual({ authorization: 'Bearer three' });
    expect(await config.tlsOptions()).toBe(tls);
  });

  test('outside of a pod says what to do', async () => {
    await expect(inClusterConfig({ env: {}, serviceAccountDir: dir })).rejects.toThrow('kubeconfig');
  });
});

describe('TLS', () => {
  async function secureServer() {
    const { cert, key } = selfSignedCertificate();
    let connections = 0;
    const server = createServer({ cert, key }, (_request, response) => response.end('{"kind":"Status"}'));
    server.on('secureConnection', () => {
      connections += 1;
    });
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return { cert, url, connections: () => connections, close: () => server.close() };
  }

  test('trusts the given CA, keeps the connection, and refuses everybody else', async () => {
    const server = await secureServer();
    const file = await kubeconfig(
      server.url,
      '{token: abc}',
      `, certificate-authority-data: ${Buffer.from(server.cert).toString('base64')}`,
    );
    const trusting = new Transport({ config: await kubeconfigFrom({ file }) });
    for (let n = 0; n < 5; n += 1) await trusting.request({ method: 'POST', path: '/', body: { n } });
    expect(server.connections()).toBe(1);
    trusting.close();
    const strange = new Transport({
      config: await kubeconfigFrom({ file: await kubeconfig(server.url, '{token: abc}') }),
    });
    await expect(strange.request({ method: 'GET', path: '/' })).rejects.toMatchObject({ code: 'transient' });
    strange.close();
    server.close();
  });

  test('a rotated CA is loaded after the first failure, also for a write, which was never sent', async () => {
    const server = await secureServer();
    let ca = selfSignedCertificate().cert;
    let tls = { ca };
    const config: ClusterConfig = {
      server: server.url,
      namespace: 'default',
      requestHeaders: () => Promise.resolve({}),
      tlsOptions: () => Promise.resolve(tls),
      reload: () => {
        ca = server.cert;
        tls = { ca };
        return Promise.resolve();
      },
    };
    const transport = new Transport({ config });
    expect((await transport.request({ method: 'POST', path: '/', body: {} })).status).toBe(200);
    transport.close();
    server.close();
  });
});
