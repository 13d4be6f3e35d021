import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiClient } from '../support/control-plane/api-client.ts';
import { selfSignedCertificate } from '../support/fault-certificate.ts';

const certificate = selfSignedCertificate();
const ANSWER_MS = 150;
let server: Server;
let access: { server: string; token: string; caPem: string };
let connections = 0;

beforeAll(async () => {
  server = createServer({ ...certificate, keepAliveTimeout: 60_000 }, (_, response) => {
    setTimeout(() => response.end('{}'), ANSWER_MS);
  });
  server.on('secureConnection', socket => {
    connections += 1;
    socket.once('close', () => {
      connections -= 1;
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  access = { server: `https://127.0.0.1:${port}`, token: 'any', caPem: certificate.cert };
});

afterAll(() => server.close());

describe("the rig's client of the API server", () => {
  it('closes connections that it has no use for, before the server does: who asks in that moment gets no answer', async () => {
    const client = new ApiClient(access, { idleMs: 50 });
    await Promise.all([client.get('/one'), client.get('/two')]);
    expect(connections).toBe(2);
    await expect.poll(() => connections, { timeout: 5_000 }).toBe(0);
    client.close();
  });

  it('keeps a connection whose answer takes longer than that', async () => {
    const client = new ApiClient(access, { idleMs: 50 });
    await expect(client.get('/slow')).resolves.toEqual({});
    client.close();
  });
});
