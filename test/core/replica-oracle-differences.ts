import { expect } from 'vitest';
import type { OracleRow } from './replica-oracle-rows.ts';

interface Difference {
  /** What this code answers instead. */
  readonly ours: Record<string, unknown>;
  readonly because: string;
}

const LEAVES_AT_ONCE =
  'an abort does not walk back through the steps: what stable can carry goes home at once, and stable is asked for all its pods';
const NO_THRESHOLD = 'replicaProgressThreshold is refused in this version: a step is done when all its pods are';

/** Rows that this code answers otherwise on purpose. A row that is not here must be answered as it says. */
const DIFFERENCES: Readonly<Record<string, Difference>> = {
  'dyn-01': { ours: { stable: 10, canary: 6 }, because: LEAVES_AT_ONCE },
  'dyn-02': { ours: { stable: 10, canary: 6 }, because: LEAVES_AT_ONCE },
  'dyn-03': { ours: { stable: 10, canary: 6 }, because: LEAVES_AT_ONCE },
  'abortweight-02': {
    ours: { canaryWeight: 50 },
    because:
      '5 ready pods of 10 carry 50 of 100; the lower step would put 90 on them. What stable cannot carry stays until it can',
  },
  'threshold-01': { ours: { met: false }, because: NO_THRESHOLD },
  'threshold-02': { ours: { met: false }, because: NO_THRESHOLD },
};

/** Holds an answer to its row, or to the difference that is on the list; a listed row that agrees fails, too. */
export function expectAsOracle(row: OracleRow, answer: Record<string, unknown>): void {
  const difference = DIFFERENCES[row.id];
  if (!difference) {
    expect(answer).toEqual(row.expected);
    return;
  }
  expect(answer, difference.because).toEqual(difference.ours);
  expect(answer, `${row.id} is no difference any more: take it off the list`).not.toEqual(row.expected);
}

/** Rows on the list. */
export const differingRows = Object.keys(DIFFERENCES);
