import type { ServerResponse } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import type { Delivery } from '../../src/notifiers/notifier.ts';
import { postJson } from '../../src/notifiers/post-json.ts';
import { eventually } from '../support/eventually.ts';
import { aReceiver, type Receiver } from './receiver.ts';

/** What a server answers at a port for https://. */
const SPEAKS_TLS = 'Client sent an HTTP request to an HTTPS server.\n';

const open: Receiver[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.close();
});

/** Posts to a receiver that answers so. `closed` counts connections that ended before their answer did. */
async function post(
  answer: (response: ServerResponse) => void,
  signal = new AbortController().signal,
): Promise<{ delivery: Delivery; ms: number; closed: () => number }> {
  let closed = 0;
  const receiver = await aReceiver(response => {
    response.on('error', () => undefined);
    response.on('close', () => {
      if (!response.writableFinished) closed += 1;
    });
    answer(response);
  });
  open.push(receiver);
  const begun = performance.now();
  const delivery = await postJson({ url: receiver.url, body: '{}' }, signal);
  return { delivery, ms: performance.now() - begun, closed: () => closed };
}

/** Sends the headers and this, and then nothing more. */
const stalls = (status: number, text: string) => (response: ServerResponse) =>
  void response.writeHead(status).write(text);

test.each([65 * 1024, 20 * 1024 * 1024])(
  'who answers 200 has taken it, however long the answer: %i bytes',
  async size => {
    const { delivery, closed } = await post(response => response.end(Buffer.alloc(size, 'x')));
    expect(delivery).toEqual({ result: 'delivered' });
    if (size > 1024 * 1024) await eventually('the rest is not read', () => closed() === 1);
  },
);

test.each([
  ['begins', 'o'],
  ['does not even begin', ''],
])('who answers 200 has taken it, also when the body %s and never ends', async (_what, text) => {
  const { delivery, ms, closed } = await post(response => {
    response.writeHead(200).flushHeaders();
    if (text !== '') response.write(text);
  });
  expect(delivery).toEqual({ result: 'delivered' });
  expect(ms).toBeLessThan(4_000);
  await eventually('the connection is let go', () => closed() === 1);
});

test('who answers 200 has taken it, also when the connection breaks within the body', async () => {
  const { delivery } = await post(response => {
    response.writeHead(200, { 'content-length': '100' }).write('o');
    setTimeout(() => response.socket?.resetAndDestroy(), 20);
  });
  expect(delivery).toEqual({ result: 'delivered' });
});

test('who answers 200 has taken it, also when the delivery is cancelled within the body', async () => {
  const cancel = new AbortController();
  const { delivery, ms, closed } = await post(response => {
    stalls(200, 'o')(response);
    setTimeout(() => cancel.abort(), 50);
  }, cancel.signal);
  expect(delivery).toEqual({ result: 'delivered' });
  expect(ms).toBeLessThan(900);
  await eventually('the connection is let go', () => closed() === 1);
});

test.each([
  ['503', stalls(503, 'x'), { result: 'failed', why: 'HTTP 503' }],
  ['422', stalls(422, 'x'), { result: 'refused', why: 'HTTP 422; this alert is given up', isFinal: true }],
  [
    'a TLS port',
    stalls(400, SPEAKS_TLS),
    { result: 'refused', isFinal: false, why: expect.stringContaining('https://') },
  ],
])('a body that stalls hides nothing of what %s says', async (_what, answer, expected) => {
  expect((await post(answer)).delivery).toMatchObject(expected);
});

test('an answer that is packed is no riddle: only its status counts', async () => {
  const { delivery } = await post(response => response.writeHead(200, { 'content-encoding': 'gzip' }).end('no gzip'));
  expect(delivery).toEqual({ result: 'delivered' });
});

test('a connection whose answer was read to its end serves the next alert', async () => {
  const ports: (number | undefined)[] = [];
  const receiver = await aReceiver(response => {
    ports.push(response.socket?.remotePort);
    response.end('ok');
  });
  open.push(receiver);
  for (let alert = 0; alert < 3; alert++)
    expect(await postJson({ url: receiver.url, body: '{}' }, new AbortController().signal)).toEqual({
      result: 'delivered',
    });
  expect(new Set(ports).size).toBe(1);
});

test('headers that never come are a failure', { timeout: 15_000 }, async () => {
  const { delivery, closed } = await post(() => undefined);
  expect(delivery).toEqual({ result: 'failed', why: 'no answer in 10s' });
  await eventually('the connection is let go', () => closed() === 1);
});
