import pRetry, { AbortError } from 'p-retry';
import { ApiFailure } from '../../support/control-plane/api-client.ts';

const CONFLICT = 409;

/**
 * Asks again when an API server that is short of time did not answer, or with a 5xx or 429: one lost request of tens of
 * thousands shall not end a run of hours. What exists already after such a loss was created by it.
 */
export async function patiently(ask: () => Promise<unknown>): Promise<void> {
  const once = async (attempt: number) => {
    try {
      await ask();
    } catch (error) {
      if (!(error instanceof ApiFailure) || error.status >= 500 || error.status === 429) throw error;
      if (error.status === CONFLICT && attempt > 1) return;
      throw new AbortError(error);
    }
  };
  await pRetry(once, { retries: 3, minTimeout: 200, factor: 3 });
}
