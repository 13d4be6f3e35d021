import axios from 'axios';
import type { Delivery } from './notifier.ts';

const TIMEOUT_MS = 10_000;
/** Answers are not used; more than this is not read. Bytes. */
const MAX_RESPONSE_BYTES = 64 * 1024;
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

/** Sends one request and words its outcome. Only the given address is called: no redirects, no proxy from outside. */
export async function postJson({ url, body, headers }: JsonPost, signal: AbortSignal): Promise<Delivery> {
  const deadline = AbortSignal.timeout(TIMEOUT_MS);
  try {
    const response = await axios.request<unknown>({
      method: 'POST',
      url,
      data: body,
      headers: { 'user-agent': 'sluice', ...headers, 'content-type': 'application/json' },
      signal: AbortSignal.any([signal, deadline]),
      maxRedirects: 0,
      proxy: false,
      maxContentLength: MAX_RESPONSE_BYTES,
      responseType: 'text',
      transformResponse: [(data: unknown) => data],
      validateStatus: () => true,
    });
    if (response.status === 400 && SAYS_TLS.test(String(response.data)))
      return turnedAway('the receiver speaks TLS; write https:// in the Notifier');
    return ofStatus(response.status, response.headers['retry-after']);
  } catch (error) {
    if (deadline.aborted) return { result: 'failed', why: `no answer in ${TIMEOUT_MS / 1000}s` };
    return ofError(error);
  }
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
  const fields = typeof error === 'object' && error !== null ? (error as { code?: unknown; message?: unknown }) : {};
  const code = typeof fields.code === 'string' && /^[A-Z0-9_]{1,64}$/.test(fields.code) ? fields.code : 'no code';
  if (/maxContentLength/.test(String(fields.message))) return { result: 'failed', why: 'the answer is too large' };
  if (code === 'ERR_INVALID_URL') return turnedAway('the address is no URL');
  if (code === 'ERR_INVALID_CHAR' || code === 'ERR_INVALID_HTTP_TOKEN')
    return turnedAway('a header has characters that HTTP does not allow');
  return { result: 'failed', why: `no connection (${code})` };
}
