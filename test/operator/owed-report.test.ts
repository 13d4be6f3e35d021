import { describe, expect, it } from 'vitest';
import type { RolloutStatus } from '../../src/api/rollout-status.ts';
import type { Action, Fact } from '../../src/core/decision.ts';
import { ApiError } from '../../src/kube/errors.ts';
import {
  isAnswerLost,
  NOTHING_OWED,
  notOwedAnyMore,
  type Owed,
  oweAction,
  oweStatus,
  settleOwed,
} from '../../src/operator/owed-report.ts';

const status = { phase: 'Healthy', observedGeneration: 2 } as RolloutStatus;
const scale = { type: 'ScaleReplicaSet' } as Action;
const fact = (reason: Fact['reason'], ofAction?: Action): Fact => ({
  reason,
  warning: false,
  note: reason,
  ...(ofAction && { ofAction }),
});
const settle = (owed: Owed, version: string, stored: unknown, ...facts: Fact[]) =>
  settleOwed(owed, { version, status: stored, facts });
const reasonsOf = (facts: readonly Fact[] | undefined) => facts?.map(({ reason }) => reason);

describe('a status whose answer was lost', () => {
  const owed = oweStatus(NOTHING_OWED, '7', { status, facts: [fact('Promoted')] });

  it('is told when the Rollout carries it', () => {
    const { stored, owed: rest } = settle(owed, '8', { ...status });
    expect(reasonsOf(stored?.facts)).toEqual(['Promoted']);
    expect(rest).toEqual(NOTHING_OWED);
  });

  it('is waited for while the cache shows the Rollout that it was decided on', () => {
    expect(settle(owed, '7', undefined)).toEqual({ stored: undefined, acted: [], owed });
  });

  it('is forgotten when the Rollout moved on without it: it is decided anew', () => {
    expect(settle(owed, '8', { ...status, phase: 'Progressing' })).toMatchObject({
      stored: undefined,
      owed: NOTHING_OWED,
    });
  });

  it('is found among tries that came after it and were refused without an answer', () => {
    const other = { facts: [fact('Aborted')], status: { ...status, phase: 'Aborted' } as RolloutStatus };
    expect(reasonsOf(settle(oweStatus(owed, '7', other), '8', { ...status }).stored?.facts)).toEqual(['Promoted']);
  });

  // An outage of 20 s is a dozen tries, each of which says another time.
  it.each([0, 1, 11, 13])('is found when it was try %i of fourteen', applied => {
    const tries = Array.from({ length: 14 }, (_, index) => ({ ...status, message: `at ${index}` }) as RolloutStatus);
    const all = tries.reduce(
      (before, one) => oweStatus(before, '7', { status: one, facts: [fact('StepCompleted')] }),
      NOTHING_OWED,
    );
    expect(all.statuses).toHaveLength(5);
    expect(reasonsOf(settle(all, '8', { ...tries[applied] }).stored?.facts)).toEqual(['StepCompleted']);
  });
});

describe('an action whose answer was lost', () => {
  const other = { type: 'ScaleReplicaSet' } as Action;
  const facts = [fact('ReplicaSetScaled', scale), fact('RouteConflict', other), fact('Promoted')];
  const owed = oweAction(NOTHING_OWED, scale, facts);

  it('is told when it is not asked for again, and nothing that another action or a status tells with it', () => {
    const { acted, owed: rest } = settle(owed, '7', status);
    expect(reasonsOf(acted)).toEqual(['ReplicaSetScaled']);
    expect(rest).toBe(NOTHING_OWED);
  });

  it('waits for the next try while there is one, and is told with that alone', () => {
    const again = settle(owed, '7', status, fact('ReplicaSetScaled', other));
    expect(again.acted).toEqual([]);
    expect(reasonsOf(again.owed.facts)).toEqual(['ReplicaSetScaled']);
    expect(notOwedAnyMore(again.owed, facts).facts).toEqual([]);
  });
});

describe('an answer', () => {
  const failure = (mayHaveBeenApplied: boolean) =>
    new ApiError({
      code: 'transient',
      status: 0,
      message: 'the connection was reset',
      verb: 'patch',
      path: '/',
      mayHaveBeenApplied,
    });

  it('is lost only when the request was sent and not refused', () => {
    expect([failure(true), failure(false), new Error('a bug')].map(isAnswerLost)).toEqual([true, false, false]);
  });
});
