import { describe, expect, it } from 'vitest';
import { describeRequest } from '../support/fault-proxy/proxied-request.ts';
import { Trace } from '../support/fault-proxy/trace.ts';
import { writePlans } from '../support/matrix/learn.ts';
import type { Outcome } from '../support/matrix/outcome.ts';
import { planGaps, strikeGaps, unplannedWrites } from '../support/matrix/plan-floor.ts';
import type { PlanResult } from '../support/matrix/run-matrix.ts';

const STATUS = 'rollouts/status';

/** A run whose operator patched these, each once more for each time that it is named. */
function patched(...what: readonly string[]): Outcome {
  const trace = new Trace();
  for (const [index, one] of what.entries()) {
    const [plural = '', subresource = ''] = one.split('/');
    const url = `/apis/g/v1/namespaces/a/${plural}/shop${subresource && `/${subresource}`}`;
    const message = { url, method: 'PATCH', headers: {} } as Parameters<typeof describeRequest>[0];
    const entry = trace.open(describeRequest(message, Buffer.from('{}'), index));
    Object.assign(entry, { changed: true, answeredAt: index });
  }
  return { trace, from: { request: 0, event: 0 } } as unknown as Outcome;
}

const results = (...verdicts: readonly PlanResult['verdict'][]) => verdicts.map(verdict => ({ verdict }) as PlanResult);

describe('a matrix that tries too little is not green', () => {
  const run = patched('services', STATUS, 'httproutes', STATUS);
  const plans = writePlans('promote', [run, run]).filter(({ variant }) => variant === 'told');

  it('when a variant has no plan at all', () => {
    for (const variant of ['told', 'silent', 'hide', 'stale', 'travel'] as const)
      expect(planGaps(variant, [], [run, run], 0)).toEqual([`${variant} has no plan`]);
  });

  it('when there are fewer plans than the story has writes', () => {
    expect(planGaps('told', plans, [run, run], 4)).toEqual([]);
    expect(planGaps('told', plans, [run, run], 5)).toEqual(['told has 4 plans, the story has 5 writes at least']);
    expect(planGaps('hide', plans, [run, run], 5)).toEqual([]);
  });

  it('when a kind of write has no plan, be it because only one run without faults has it', () => {
    const another = patched(STATUS, 'httproutes', STATUS);
    const common = writePlans('promote', [run, another]).filter(({ variant }) => variant === 'told');
    expect(planGaps('told', common, [run, another], 0)).toEqual(['told has no plan for patch services']);
    expect(planGaps('told', common, [another, run], 0)).toEqual(['told has no plan for patch services']);
  });

  it('when hardly any plan has struck', () => {
    expect(strikeGaps(results('passed', 'not reached', 'not reached'))).toEqual([]);
    expect(strikeGaps(results('not reached'))).toEqual(['0 of 1 plans have struck, 1 must']);
    const one = results('passed', ...Array.from({ length: 8 }, () => 'not reached' as const));
    expect(strikeGaps(one)).toEqual(['1 of 9 plans have struck, 3 must']);
  });

  it('when runs without faults differ in more writes than a status that is stored with the next explains', () => {
    const merged = patched('services', STATUS, 'httproutes');
    const told = 'runs of promote without faults do not agree on ';
    expect(unplannedWrites('promote', [run, run])).toBeUndefined();
    for (const runs of [
      [run, merged],
      [merged, run],
    ])
      expect(unplannedWrites('promote', runs)).toContain(`${told}patch ${STATUS} shop #2: no plan`);
    expect(() => unplannedWrites('promote', [run, patched(STATUS, 'httproutes', STATUS)])).toThrow(
      `${told}patch services shop #1: no plan`,
    );
    const longer = patched('services', STATUS, 'httproutes', STATUS, STATUS, STATUS, STATUS);
    expect(() => unplannedWrites('promote', [longer, run])).toThrow(`${told}patch ${STATUS} shop #3, `);
  });
});
