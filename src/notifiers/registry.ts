import type { SecretKey } from '../api/metric-provider.ts';
import type { NotifierSpec } from '../api/notifier.ts';
import { SecretUnavailable } from '../api/secret-unavailable.ts';
import { createAlertmanagerNotifier } from './alertmanager.ts';
import { type DeliverOptions, deliver } from './deliver.ts';
import type { Delivery, Notice, Notifier } from './notifier.ts';
import { slackNotifier } from './slack.ts';
import { createWebhookNotifier } from './webhook.ts';

/** Reads a key of a Secret in the namespace of the Notifier. */
export type ReadSecret = (ref: SecretKey) => Promise<string>;

/** The kinds of Notifier.spec that have a channel. */
export const NOTIFIER_KINDS = ['slack', 'webhook', 'alertmanager'] as const;
export type NotifierKind = (typeof NOTIFIER_KINDS)[number];

/** A channel with its address filled in. */
export interface Bound {
  deliver(notice: Notice, options: DeliverOptions): Promise<Delivery>;
  /** Absent where what was told once stays told. */
  readonly renew?: (notices: readonly Notice[], signal: AbortSignal) => Promise<Delivery>;
}

/** One entry per kind: where the spec says to send, joined with who sends. `now` is epoch milliseconds. */
const CHANNELS: {
  readonly [K in NotifierKind]: (
    part: NonNullable<NotifierSpec[K]>,
    read: ReadSecret,
    now: () => number,
  ) => Promise<Bound>;
} = {
  slack: async ({ channel, ...address }, read) =>
    bind(slackNotifier, { url: await urlOf(address, read), ...(channel === undefined ? {} : { channel }) }),
  webhook: async ({ headers, hmacSecretRef, ...address }, read, now) =>
    bind(createWebhookNotifier(now), {
      url: await urlOf(address, read),
      ...(headers === undefined ? {} : { headers }),
      ...(hmacSecretRef === undefined ? {} : { hmacKey: (await read(hmacSecretRef)).trim() }),
    }),
  alertmanager: async ({ labels, ...address }, read, now) =>
    bind(createAlertmanagerNotifier(now), {
      url: await urlOf(address, read),
      ...(labels === undefined ? {} : { labels }),
    }),
};

/** What filling in an address needs from outside. */
export interface BindDependencies {
  readonly readSecret: ReadSecret;
  readonly now: () => number;
}

/** What delivering needs from outside. */
export interface NotifyDependencies extends DeliverOptions, BindDependencies {}

/** Delivers a notice to whatever channel a Notifier names. Never rejects; an unreadable Secret is a failed delivery. */
export async function notify(
  spec: NotifierSpec,
  notice: Notice,
  { readSecret, now, ...options }: NotifyDependencies,
): Promise<Delivery> {
  const bound = await bindNotifier(spec, { readSecret, now });
  return 'result' in bound ? bound : await bound.deliver(notice, options);
}

/** Fills in where a Notifier sends to, or says why that failed. Never rejects. */
export async function bindNotifier(
  spec: NotifierSpec,
  { readSecret, now }: BindDependencies,
): Promise<Bound | Exclude<Delivery, { readonly result: 'delivered' }>> {
  try {
    const bound = await bindSpec(spec, readSecret, now);
    return bound ?? { result: 'refused', why: 'the Notifier names no channel', isFinal: false };
  } catch (error) {
    const why = error instanceof SecretUnavailable ? error.message : 'it could not be read now';
    return { result: 'failed', why: `a Secret that the Notifier names cannot be read: ${why.slice(0, 400)}` };
  }
}

async function bindSpec(spec: NotifierSpec, read: ReadSecret, now: () => number): Promise<Bound | undefined> {
  if (spec.slack) return await CHANNELS.slack(spec.slack, read, now);
  if (spec.webhook) return await CHANNELS.webhook(spec.webhook, read, now);
  if (spec.alertmanager) return await CHANNELS.alertmanager(spec.alertmanager, read, now);
  return undefined;
}

function bind<T>(notifier: Notifier<T>, to: T): Bound {
  const { renew } = notifier;
  return {
    deliver: (notice, options) => deliver(notifier, notice, to, options),
    ...(renew ? { renew: (notices, signal) => renew(notices, to, signal) } : {}),
  };
}

type Address = { readonly url?: string | undefined; readonly urlSecretRef?: SecretKey | undefined };

async function urlOf({ url, urlSecretRef }: Address, read: ReadSecret): Promise<string> {
  return urlSecretRef === undefined ? (url ?? '') : (await read(urlSecretRef)).trim();
}
