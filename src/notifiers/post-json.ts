import type { Readable } from 'node:stream';
import axios from 'axios';
import type { Delivery } from './notifier.ts';

const TIMEOUT_MS = 10_000;
/** Of a body only the beginning is of use, and only where it says that the port speaks TLS. Bytes, and time to wait for them. */
const BEGINNING_BYTES = 8 * 1024;
const BEGINNING_MS = 1_000;
const MAX_RETRY_AFTER_MS = 300_000;
/** Answers that are about what was sent: it is malformed, too large, or says what the receiver cannot take. */
const ABOUT_THE_BODY: readonly number[] = [400, 413, 422];
/** What servers of Go, nginx, Apache and Tomcat answer to http:// on a port for https://, with HTTP 400. */
const SAYS_TLS =
  /HTTP request to an HTTPS server|plain HTTP request was sent to HTTPS|plain HTTP to an SSL|requires TLS/;

/** One POST. The body is text, so that what is signed is what is sent. */
export interface JsonPost {
  readonly url: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Sends one request and words its outcome, which is that of the status line: who answers 200 has taken the alert, whatever
 * becomes of the body, and would get it again and again. Only the given address is called: no redirects, no proxy from outside.
 */
export async function postJson({ url, body, headers }: JsonPost, signal: AbortSignal): Promise<Delivery> {
  const deadline = AbortSignal.timeout(TIMEOUT_MS);
  try {
    const response = await axios.request<Readable>({
      method: 'POST',
      url,
      data: body,
      headers: {
        'user-agent': 'sluice',
        'accept-encoding': 'identity',
        ...headers,
        'content-type': 'application/json',
      },
      signal: AbortSignal.any([signal, deadline]),
      maxRedirects: 0,
      proxy: false,
      responseType: 'stream',
      decompress: false,
      validateStatus: () => true,
    });
    const text = await beginningOf(response.data);
    if (response.status === 400 && SAYS_TLS.test(text))
      return turnedAway('the receiver speaks TLS; write https:// in the Notifier');
    return ofStatus(response.status, response.headers['retry-after']);
  } catch (error) {
    if (deadline.aborted) return { result: 'failed', why: `no answer in ${TIMEOUT_MS / 1000}s` };
    return ofError(error);
  }
}

/** What a body begins with, as far as it comes in time. The rest is let go. Never rejects. */
function beginningOf(body: Readable): Promise<string> {
  return new Promise(resolve => {
    const chunks: Buffer[] = [];
    let length = 0;
    const letGo = () => {
      clearTimeout(timer);
      // With bytes unread this closes the connection; one that was read to its end is kept.
      body.destroy();
      resolve(Buffer.concat(chunks).toString('latin1'));
    };
    const timer = setTimeout(letGo, BEGINNING_MS);
    // Stays on: a stream that was let go may still fail.
    body.on('error', letGo);
    body.on('end', letGo);
    body.on('close', letGo);
    body.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      length += chunk.length;
      if (length >= BEGINNING_BYTES) letGo();
    });
  });
}

function ofStatus(status: number, retryAfter: unknown): Delivery {
  if (status >= 200 && status < 300) return { result: 'delivered' };
  if (status >= 300 && status < 400)
    return turnedAway(`the receiver redirects (HTTP ${status}); put the final address into the Notifier`);
  const wait = retryAfterMs(retryAfter);
  if (status === 408 || status === 429 || status >= 500)
    return { result: 'failed', why: `HTTP ${status}`, ...(wait === undefined ? {} : { retryAfterMs: wait }) };
  if (ABOUT_THE_BODY.includes(status))
    return { result: 'refused', why: `HTTP ${status}; this alert is given up`, isFinal: true };
  return turnedAway(`HTTP ${status}; check the address and the credentials in the Notifier`);
}

/* Who answers so may be asked again later: a login may be renewed, a route of a proxy may come back. */
function turnedAway(why: string): Delivery {
  return { result: 'refused', why, isFinal: false };
}

/* Seconds; the date form of the header is rare enough to be left to our own backoff. */
function retryAfterMs(header: unknown): number | undefined {
  if (typeof header !== 'string' || !/^[0-9]{1,6}$/.test(header)) return undefined;
  return Math.min(Number(header) * 1000, MAX_RETRY_AFTER_MS);
}

/* Texts of errors hold addresses, and the address of a webhook is a secret: only the code is told. */
function ofError(error: unknown): Delivery {
  const fields = typeof error === 'object' && error !== null ? (error as { code?: unknown }) : {};
  const code = typeof fields.code === 'string' && /^[A-Z0-9_]{1,64}$/.test(fields.code) ? fields.code : 'no code';
  if (code === 'ERR_INVALID_URL') return turnedAway('the address is no URL');
  if (code === 'ERR_INVALID_CHAR' || code === 'ERR_INVALID_HTTP_TOKEN')
    return turnedAway('a header has characters that HTTP does not allow');
  return { result: 'failed', why: `no connection (${code})` };
}
