import { setTimeout as sleep } from 'node:timers/promises';
import { ApiFailure } from './control-plane/api-client.ts';

const AGAIN_MS = 300;

/**
 * As a kubelet and a scheduler do: what the API server was not there for, or could not do, is asked for again until it is done,
 * or refused, or nobody wants it any more. @throws what was answered last
 */
export async function persistently<T>(ask: () => Promise<T>, isWanted: () => boolean): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      const isRefused = error instanceof ApiFailure && error.status < 500;
      if (isRefused || !isWanted()) throw error;
      await sleep(AGAIN_MS);
    }
  }
}
