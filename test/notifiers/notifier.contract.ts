import { afterEach, describe, expect, test } from 'vitest';
import { NOTICE_EVENTS, type NotifierSpec, notifierSpecSchema } from '../../src/api/notifier.ts';
import type { Notice } from '../../src/notifiers/notifier.ts';
import { type NotifierKind, notify } from '../../src/notifiers/registry.ts';
import { aNotice } from './a-notice.ts';
import { aReceiver, type Receiver } from './receiver.ts';

/** Every channel keeps this, whatever it looks like to its receiver. */
export function notifierContract(kind: NotifierKind): void {
  const open: Receiver[] = [];
  const receiver = async (...args: Parameters<typeof aReceiver>) => {
    const one = await aReceiver(...args);
    open.push(one);
    return one;
  };
  afterEach(() => {
    for (const one of open.splice(0)) one.close();
  });
  const to = (url: string) => notifierSpecSchema.parse({ [kind]: { url } });
  const send = (
    spec: NotifierSpec,
    notice: Notice,
    fields: { signal?: AbortSignal; retries?: number; readSecret?: () => Promise<string> } = {},
  ) =>
    notify(spec, notice, {
      signal: new AbortController().signal,
      retries: 2,
      firstDelayMs: 10,
      now: () => 1_767_225_600_000,
      readSecret: () => Promise.reject(new Error('no secrets here')),
      ...fields,
    });

  describe(`notifier ${kind}`, () => {
    test('delivers the evidence, the revision and what to do next as JSON', async () => {
      const { url, received } = await receiver();
      expect(await send(to(url), aNotice())).toEqual({ result: 'delivered' });
      expect(received.length).toBe(1);
      expect(received[0]).toMatchObject({ method: 'POST', headers: { 'content-type': 'application/json' } });
      const text = JSON.stringify(JSON.parse(received[0]?.body ?? ''));
      for (const part of [
        'shop/checkout',
        'success-rate 0.91',
        '≥ 0.95',
        'revision 8',
        '3f2a9c1',
        'http_requests_total',
        'kubectl',
      ])
        expect(text).toContain(part);
    });

    test('takes every event without a throw', async () => {
      const { url } = await receiver();
      for (const event of NOTICE_EVENTS)
        expect(await send(to(url), aNotice({ event }))).toEqual({ result: 'delivered' });
    });

    test('tries again after a failure of the receiver', async () => {
      const { url, received } = await receiver((response, count) => response.writeHead(count < 3 ? 503 : 200).end());
      expect(await send(to(url), aNotice())).toEqual({ result: 'delivered' });
      expect(received.length).toBe(3);
      expect(new Set(received.map(({ body }) => body)).size).toBe(1);
    });

    test('gives up after the last try and says why', async () => {
      const { url, received } = await receiver(response => response.writeHead(500).end('stack trace'));
      expect(await send(to(url), aNotice())).toEqual({ result: 'failed', why: 'HTTP 500' });
      expect(received.length).toBe(3);
    });

    test('waits as long as a 429 asks for', async () => {
      const { url, received } = await receiver((response, count) =>
        count === 1 ? response.writeHead(429, { 'retry-after': '1' }).end() : response.end(),
      );
      const start = performance.now();
      expect(await send(to(url), aNotice())).toEqual({ result: 'delivered' });
      expect(performance.now() - start).toBeGreaterThanOrEqual(900);
      expect(received.length).toBe(2);
    });

    test.each([400, 413, 422])('gives up what is refused for what it says, with %i', async status => {
      const { url, received } = await receiver(response => response.writeHead(status).end());
      expect(await send(to(url), aNotice())).toMatchObject({ result: 'refused', isFinal: true });
      expect(received.length).toBe(1);
    });

    test.each([401, 403, 404, 405, 410])('leaves for later, and not for good, what %i turned away', async status => {
      const { url, received } = await receiver(response => response.writeHead(status).end());
      expect(await send(to(url), aNotice())).toMatchObject({ result: 'refused', isFinal: false });
      expect(received.length).toBe(1);
    });

    test.each([
      'Client sent an HTTP request to an HTTPS server.\n',
      '<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head></html>',
      'Bad Request\nThis combination of host and port requires TLS.\n',
      "<p>Reason: You're speaking plain HTTP to an SSL-enabled server port.<br /></p>",
    ])('leaves for later, until the address is mended, what a TLS port answers to http: %j', async body => {
      const { url, received } = await receiver(response => response.writeHead(400).end(body));
      const delivery = await send(to(url), aNotice());
      expect(delivery).toMatchObject({ result: 'refused', isFinal: false, why: expect.stringContaining('https://') });
      expect(received.length).toBe(1);
    });

    test('follows no redirect', async () => {
      const other = await receiver();
      const { url } = await receiver(response => response.writeHead(307, { location: other.url }).end());
      expect(await send(to(url), aNotice())).toMatchObject({ result: 'refused', isFinal: false });
      expect(other.received).toEqual([]);
    });

    test('an address from a Secret is used and never told', async () => {
      const spec = notifierSpecSchema.parse({ [kind]: { urlSecretRef: { name: 'chat', key: 'url' } } });
      const { url, received } = await receiver((response, count) => response.writeHead(count === 1 ? 200 : 500).end());
      const readSecret = async () => `${url}/T000/s3cret\n`;
      expect(await send(spec, aNotice(), { readSecret })).toEqual({ result: 'delivered' });
      expect(received[0]?.path).toContain('/T000/s3cret');
      const failures = [
        await send(spec, aNotice(), { readSecret, retries: 0 }),
        await send(spec, aNotice(), { readSecret: async () => 'http://127.0.0.1:1/s3cret', retries: 0 }),
        await send(spec, aNotice(), { readSecret: async () => 'http://nowhere.invalid/s3cret', retries: 0 }),
        await send(spec, aNotice(), { readSecret: async () => 's3cret', retries: 0 }),
        await send(spec, aNotice(), { readSecret: () => Promise.reject(new Error('s3cret')), retries: 0 }),
      ];
      for (const failure of failures) {
        expect(failure.result).not.toBe('delivered');
        expect(JSON.stringify(failure)).not.toMatch(/s3cret|127\.0\.0\.1|nowhere/);
      }
    });

    test('ends when it is cancelled', async () => {
      const { url } = await receiver(() => undefined);
      const cancel = new AbortController();
      setTimeout(() => cancel.abort(), 50);
      expect(await send(to(url), aNotice(), { signal: cancel.signal })).toMatchObject({ result: 'failed' });
    });

    test('an enormous answer does not hurt, and the alert is not sent again for it', async () => {
      const { url, received } = await receiver(response => {
        response.on('error', () => undefined);
        response.end(Buffer.alloc(5 * 1024 * 1024, 'x'));
      });
      expect(await send(to(url), aNotice())).toEqual({ result: 'delivered' });
      expect(received.length).toBe(1);
    });

    test('an enormous notice is cut to what receivers take', async () => {
      const { url, received } = await receiver();
      const long = '<&>"'.repeat(5000);
      const content = {
        summary: long,
        query: long,
        next: long,
        serving: long,
        images: new Array<string>(50).fill(long),
      };
      if (kind === 'webhook') return;
      expect(await send(to(url), aNotice({}, content))).toEqual({ result: 'delivered' });
      expect(received[0]?.body.length).toBeLessThan(40_000);
    });
  });
}
