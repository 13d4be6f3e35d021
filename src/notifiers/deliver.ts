import { setTimeout as sleep } from 'node:timers/promises';
import pRetry from 'p-retry';
import type { Delivery, Notice, Notifier } from './notifier.ts';

export interface DeliverOptions {
  readonly signal: AbortSignal;
  /** Tries after the first one. Default 4. */
  readonly retries?: number;
  /** Wait before the second try; doubles from there, with jitter, up to a minute. Default 1000 ms. */
  readonly firstDelayMs?: number;
}

/* Carries a failed try through p-retry. */
class TryFailed extends Error {
  readonly delivery: Delivery & { readonly result: 'failed' };

  constructor(delivery: Delivery & { readonly result: 'failed' }) {
    super(delivery.why);
    this.delivery = delivery;
  }
}

/**
 * Delivers a notice with retries. A refusal is not tried again here; a failure is after our backoff or after as long as
 * the receiver asked for (Retry-After), whichever is longer. Never rejects; a cancelled delivery has failed.
 */
export async function deliver<T>(
  notifier: Notifier<T>,
  notice: Notice,
  to: T,
  { signal, retries = 4, firstDelayMs = 1000 }: DeliverOptions,
): Promise<Delivery> {
  const once = async (): Promise<Delivery> => {
    const delivery = await notifier.send(notice, to, signal);
    if (delivery.result === 'failed') throw new TryFailed(delivery);
    return delivery;
  };
  try {
    return await pRetry(once, {
      retries,
      minTimeout: firstDelayMs,
      maxTimeout: 60_000,
      factor: 2,
      randomize: true,
      signal,
      shouldRetry: () => true,
      onFailedAttempt: async ({ error, retryDelay, retriesLeft }) => {
        const asked = error instanceof TryFailed ? (error.delivery.retryAfterMs ?? 0) : 0;
        if (retriesLeft > 0 && asked > retryDelay) await sleep(asked - retryDelay, undefined, { signal });
      },
    });
  } catch (error) {
    if (error instanceof TryFailed) return error.delivery;
    return { result: 'failed', why: signal.aborted ? 'cancelled' : 'the notifier broke' };
  }
}
