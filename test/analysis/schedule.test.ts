import { describe, expect, it } from 'vitest';
import { emptyResult } from '../../src/analysis/record.ts';
import { isOverdue, nextSampleAt } from '../../src/analysis/schedule.ts';
import type { Measurement } from '../../src/api/analysis-run.ts';
import type { Metric } from '../../src/api/analysis-template.ts';
import { toTime } from '../../src/api/time.ts';

const START = 1_000_000;
const metric = (extra: Partial<Metric> = {}): Metric => ({
  name: 'm',
  provider: { prometheus: { query: 'up' } },
  ...extra,
});

function measured(phase: Measurement['phase'], at: number, finished = at) {
  const base = emptyResult({ metrics: [metric()] }, 'm');
  return { ...base, measurements: [{ phase, startedAt: toTime(at), finishedAt: toTime(finished) }] };
}

describe('the next measurement is due', () => {
  it('at once, or after the initial delay', () => {
    expect(nextSampleAt(metric(), undefined, START, START)).toBe(START);
    expect(nextSampleAt(metric({ initialDelay: '1m' }), undefined, START, START)).toBe(START + 60_000);
  });

  it('one interval after the last one began, however long that took', () => {
    expect(nextSampleAt(metric({ interval: '30s' }), measured('Failed', START, START + 9_000), START, START)).toBe(
      START + 30_000,
    );
  });

  it('after 10 s at the latest when there was an error or no data', () => {
    expect(nextSampleAt(metric({ interval: '5m' }), measured('NoData', START, START), START, START)).toBe(
      START + 10_000,
    );
    expect(nextSampleAt(metric({ interval: '2s' }), measured('Error', START, START), START, START)).toBe(START + 2_000);
    expect(nextSampleAt(metric(), measured('Error', START, START), START, START)).toBe(START + 10_000);
  });

  it('at once when the start lies in the future, by the clock of somebody else', () => {
    const hour = 3_600_000;
    expect(nextSampleAt(metric({ initialDelay: '1m' }), undefined, START + hour, START)).toBe(START);
    expect(nextSampleAt(metric(), undefined, START + 30_000, START)).toBe(START);
    expect(nextSampleAt(metric({ interval: '5s' }), measured('Successful', START + hour), START, START)).toBe(START);
  });

  it('never for a metric that has ended', () => {
    expect(
      nextSampleAt(
        metric({ interval: '1s' }),
        { ...measured('Successful', START, START), phase: 'Successful' },
        START,
        START,
      ),
    ).toBeUndefined();
  });
});

describe('an answer is overdue', () => {
  const overdueAt = (
    now: number,
    result = measured('Successful', START),
    extra: Partial<Metric> = { interval: '30s' },
  ) => isOverdue(metric(extra), result, START, now);

  it('a minute after it was due', () => {
    expect([overdueAt(START + 90_000), overdueAt(START + 90_001)]).toEqual([false, true]);
    expect(overdueAt(START + 360_000, undefined, { interval: '5m' })).toBe(false);
    expect(overdueAt(START + 70_001, measured('NoData', START), { interval: '5m' })).toBe(true);
  });

  it('later where a query takes long', () => {
    const slow = measured('Successful', START, START + 100_000);
    expect([overdueAt(START + 260_000, slow), overdueAt(START + 260_001, slow)]).toEqual([false, true]);
  });

  it('when the last one was written by a clock that was ahead, so that nobody knows when', () => {
    expect(overdueAt(START, measured('Successful', START + 3_600_000))).toBe(true);
    expect(overdueAt(START, measured('Successful', START, START + 3_600_000))).toBe(true);
  });

  it('before the first one as well, after its initial delay', () => {
    const first = (now: number) => isOverdue(metric({ initialDelay: '5m' }), undefined, START, now);
    expect([first(START + 360_000), first(START + 360_001)]).toEqual([false, true]);
  });

  it('never for a metric that has ended', () => {
    const ended = { ...measured('Successful', START), phase: 'Successful' as const };
    expect(overdueAt(START + 86_400_000, ended)).toBe(false);
  });
});
