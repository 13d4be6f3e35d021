import { describe, expect, it } from 'vitest';
import type { RolloutStatus } from '../../src/api/rollout-status.ts';
import type { Decision, Fact } from '../../src/core/decision.ts';
import { ApiError } from '../../src/kube/errors.ts';
import {
  isAnswerLost,
  NOTHING_OWED,
  type Owed,
  oweActions,
  oweStatus,
  settleOwed,
} from '../../src/operator/owed-report.ts';

const status = { phase: 'Healthy', observedGeneration: 2 } as RolloutStatus;
const fact = (reason: Fact['reason'], ofAction?: true): Fact => ({
  reason,
  warning: false,
  note: reason,
  ...(ofAction && { ofAction }),
});
const decision = (...facts: Fact[]) => ({ status, facts, actions: [], statusWaitMs: 0 }) as unknown as Decision;
const settle = (owed: Owed, version: string, stored: unknown, ...facts: Fact[]) =>
  settleOwed(owed, { version, status: stored, decision: decision(...facts) });
const reasonsOf = (facts: readonly Fact[] | undefined) => facts?.map(({ reason }) => reason);

describe('a status whose answer was lost', () => {
  const owed = oweStatus(NOTHING_OWED, '7', decision(fact('Promoted')));

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
    const other = { ...decision(fact('Aborted')), status: { ...status, phase: 'Aborted' } as RolloutStatus };
    expect(reasonsOf(settle(oweStatus(owed, '7', other), '8', { ...status }).stored?.facts)).toEqual(['Promoted']);
  });
});

describe('an action whose answer was lost', () => {
  const owed = oweActions(NOTHING_OWED, decision(fact('ReplicaSetScaled', true), fact('Promoted')));

  it('is told when it is not asked for again, and nothing that a status tells with it', () => {
    const { acted, owed: rest } = settle(owed, '7', status);
    expect(reasonsOf(acted)).toEqual(['ReplicaSetScaled']);
    expect(rest).toEqual(NOTHING_OWED);
  });

  it('waits for the next try while there is one', () => {
    const again = settle(owed, '7', status, fact('ReplicaSetScaled', true));
    expect(again.acted).toEqual([]);
    expect(reasonsOf(again.owed.facts)).toEqual(['ReplicaSetScaled']);
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
