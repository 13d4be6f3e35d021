import { createHmac } from 'node:crypto';
import type { Notice, Notifier } from './notifier.ts';
import { postJson } from './post-json.ts';
import { wordNotice } from './wording.ts';

/** Where to: any HTTP endpoint. */
export interface WebhookTarget {
  /** May hold a secret. */
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Key of the signature; absent: not signed. */
  readonly hmacKey?: string;
}

/**
 * Sends notices as JSON: `{version, id, event, at, severity, headline, text, next, content}`, with
 * - `Idempotency-Key`: the id of the notice, the same for every try;
 * - `X-Sluice-Timestamp`: seconds since 1970 of this try;
 * - `X-Sluice-Signature: sha256=<hex>`: HMAC-SHA256 over `<timestamp>.<body>`, where there is a key.
 *
 * @param now epoch milliseconds, for the timestamp
 */
export function createWebhookNotifier(now: () => number): Notifier<WebhookTarget> {
  return {
    kind: 'webhook',
    send: (notice, { url, headers, hmacKey }, signal) => {
      const body = webhookBody(notice);
      const timestamp = String(Math.floor(now() / 1000));
      const signature = hmacKey === undefined ? {} : { 'x-sluice-signature': signatureOf(hmacKey, timestamp, body) };
      const own = { 'idempotency-key': notice.id, 'x-sluice-timestamp': timestamp, ...signature };
      return postJson({ url, body, headers: { ...lowerCased(headers ?? {}), ...own } }, signal);
    },
  };
}

/** The documented JSON body. Fields are added, never renamed or removed, within one `version`. */
export function webhookBody({ id, event, at, content }: Notice): string {
  const { headline, text, next } = wordNotice({ id, event, at, content });
  return JSON.stringify({ version: 1, id, event, at, severity: content.severity, headline, text, next, content });
}

/** Value of X-Sluice-Signature. */
export function signatureOf(key: string, timestamp: string, body: string): string {
  return `sha256=${createHmac('sha256', key).update(`${timestamp}.${body}`).digest('hex')}`;
}

/* One spelling per header, so that nobody's header can stand beside ours. */
function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
