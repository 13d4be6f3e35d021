import pRetry from 'p-retry';
import { ApiFailure } from './control-plane/api-client.ts';

const AGAIN_MS = 300;

/**
 * As a kubelet and a scheduler do: what the API server was not there for, or could not do, is asked for again until it is done,
 * or refused, or nobody wants it any more. @throws what was answered last
 */
export async function persistently<T>(ask: () => Promise<T>, isWanted: () => boolean): Promise<T> {
  const isRefused = (error: Error) => error instanceof ApiFailure && error.status < 500;
  const shouldRetry = ({ error }: { error: Error }) => !isRefused(error) && isWanted();
  return await pRetry(ask, { retries: Number.POSITIVE_INFINITY, minTimeout: AGAIN_MS, factor: 1, shouldRetry });
}
