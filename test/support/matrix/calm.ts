import { setTimeout as sleep } from 'node:timers/promises';
import { statusWaitMs } from '../../../src/core/status-urgency.ts';
import type { FaultProxy } from '../fault-proxy/fault-proxy.ts';
import type { Stage } from './stage.ts';

const SHOWN = { phase: 'Healthy', message: 'then' } as const;
/** How long the operator of a few Rollouts may keep back a status that only shows; the last value of a gate is gone in the end. */
const KEEPS_MS = statusWaitMs(SHOWN, { ...SHOWN, message: 'now' }, [], false);
/**
 * Who has written nothing for so long has nothing more to write, with half a second for a busy machine; milliseconds. For those
 * who look at the end state again when it is not the one that they wait for.
 */
export const QUIET_MS = KEEPS_MS + 500;
/** The same for those who look once. */
const SURELY_QUIET_MS = KEEPS_MS + 1_500;

/** What calm is. */
export interface Calm {
  /** Nothing has happened for so long; milliseconds. When absent, long enough for whoever looks once. */
  readonly quietMs?: number;
  /** When the operator began to follow the cluster, milliseconds of `performance.now()`; undefined: not yet. */
  readonly followsSince?: () => number | undefined;
}

/** On a busy machine an answer may take longer than the quiet that is waited for. */
const PENDING_MS = 15_000;
const LONGEST_MS = 40_000;

/** Waits until the operator has nothing more to write, waits for no answer to a write, and nobody else writes either. */
export async function untilCalm(
  { proxy, stage }: { readonly proxy: FaultProxy; readonly stage: Stage },
  { quietMs = SURELY_QUIET_MS, followsSince = () => 0 }: Calm = {},
): Promise<void> {
  const { trace } = proxy;
  const lastAt = () => {
    if (trace.isWriting(PENDING_MS)) return performance.now();
    const followed = followsSince() ?? performance.now();
    return Math.max(followed, trace.lastWriteAt() ?? 0, stage.history.lastChangeAt);
  };
  for (const deadline = performance.now() + LONGEST_MS; performance.now() - lastAt() < quietMs; await sleep(50))
    if (performance.now() > deadline) throw new Error(`writes do not end: ${lastWrites(proxy)}`);
}

function lastWrites({ trace }: FaultProxy): string {
  const writes = trace.entries.filter(({ request }) => request.method !== 'GET').slice(-6);
  return writes.map(({ request, status }) => `${request.method} ${request.path} ${status}`).join('; ');
}
