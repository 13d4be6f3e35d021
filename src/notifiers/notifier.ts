import type { NoticeContent } from '../api/notice.ts';
import type { NoticeEvent } from '../api/notifier.ts';

/** One alert to one team. `id` is the same for every try, so that a receiver can drop repeats. */
export interface Notice {
  readonly id: string;
  readonly event: NoticeEvent;
  /** When it happened, RFC 3339. */
  readonly at: string;
  readonly content: NoticeContent;
}

/** What became of one try. `why` is one short sentence without addresses, secrets or bodies. */
export type Delivery =
  | { readonly result: 'delivered' }
  /**
   * The receiver turned it away, and would do so again in a moment. `isFinal`: for what this notice says, so that trying again
   * is no use; else for the address or the credentials, which somebody can mend.
   */
  | { readonly result: 'refused'; readonly why: string; readonly isFinal: boolean }
  /** The receiver could not take it now. `retryAfterMs`: how long it asks us to wait. */
  | { readonly result: 'failed'; readonly why: string; readonly retryAfterMs?: number };

/** The port of alert channels: one file per channel implements it. */
export interface Notifier<T> {
  /** Name of its field in Notifier.spec. */
  readonly kind: string;
  /** Tries once, in at most 10 s. Never rejects. */
  send(notice: Notice, to: T, signal: AbortSignal): Promise<Delivery>;
  /** Says again what still lasts, where that ends by itself otherwise. As `send`: one try, and it never rejects. */
  renew?(notices: readonly Notice[], to: T, signal: AbortSignal): Promise<Delivery>;
}
