import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { spreadOf } from './measure/statistics.ts';
import { type BenchOptions, parseBenchOptions } from './options.ts';
import { cpuTableOf, sharedMachine } from './report/cpu-table.ts';
import { spreadText } from './report/figures.ts';
import { mergeResults } from './report/merge-results.ts';
import { replaceBlock } from './report/readme-block.ts';
import { readResult, saveResult } from './report/stored-results.ts';
import { tableOf, verdictOf } from './report/table.ts';
import { writeReport } from './report/write-report.ts';
import { aResult } from './result-fixture.ts';
import type { AbortResult, SizeResult, SoakResult } from './results.ts';

describe('the table', () => {
  it('has a column per size, figures with verdicts, and peers', () => {
    const table = tableOf([aResult(100), aResult(500)]);
    const head = table.split('\n')[0];
    expect(head).toContain('N = 100 | N = 500 | Argo Rollouts 1.9.1, 100 / 500');
    expect(table).toContain(
      '| memory at rest, RSS | 90 MB at 100, 95 at 500, 110 at 1000, 220 at 5000 | 88 MB ✔ | 96 MB ✘ | 95 / 153 MB',
    );
  });

  it('shows what of a figure is the part of the control plane', () => {
    const table = tableOf([aResult(100)]);
    expect(table).toContain('| how busy all cores were meanwhile; with Deployments alone |  | 95 %; 90 % |');
    expect(table).toContain('| change → answered by the API server, p50 / p99 / max |  | 9 / 15 / 15 ms |');
  });

  it('has lines of as many cells as its head', () => {
    const lines = tableOf([aResult(100)]).split('\n');
    const cells = (line: string | undefined) => line?.split(/(?<!\\)\|/).length;
    for (const line of lines) expect(cells(line)).toBe(cells(lines[0]));
  });

  it('leaves out lines of phases that did not run, and says why one failed', () => {
    const { idle: _idle, ...rest } = aResult(100);
    const table = tableOf([{ ...rest, failures: { idle: 'the fleet did not rest' } }]);
    expect(table).not.toContain('| memory at rest, RSS');
    expect(table).toContain('- N = 100, idle: not measured: the fleet did not rest');
  });

  it('counts an event that did not arrive, and a single write that changed nothing, as missed aims', () => {
    const result = aResult(100);
    const all = verdictOf([result]);
    expect(all.met).toBe(all.judged);
    const lossy = {
      ...result,
      tenth: { ...result.tenth!, arrivals: { told: 80, lost: 1, surplus: 0 }, wastedWrites: 1 },
    };
    expect(verdictOf([lossy])).toEqual({ ...all, met: all.met - 2 });
  });

  it('never takes a canary that was aborted for one that was fast', () => {
    const result = aResult(100);
    const short = { ...result, tenth: { ...result.tenth!, promoted: 9 } };
    // Its writes and events are fewer, too.
    expect(verdictOf([short]).met).toBe(verdictOf([result]).met - 3);
    expect(tableOf([short])).toContain('9 of 10 promoted');
  });

  it('judges the growth of memory only after two hours, and with its error: before, it is that of warming up', () => {
    const result = aResult(100);
    const soak = {
      changed: 10,
      promoted: 8,
      aborted: 2,
      slopeMbPerHour: 9,
      slopeError: 0.2,
      lows: [],
      warmHours: 0.1,
      otherWrites: undefined,
    };
    const judged = (hours: number, slope: Partial<SoakResult> = {}) =>
      verdictOf([{ ...result, soak: { ...soak, hours, ...slope } }]);
    expect(judged(0.1)).toEqual(verdictOf([result]));
    const missed = (slope: Partial<SoakResult>) => judged(2, slope).judged - judged(2, slope).met;
    expect([{}, { slopeMbPerHour: 0.8 }, { slopeMbPerHour: 0.5 }].map(missed)).toEqual([1, 1, 0]);
  });

  it('misses both aims of an abort that was not seen at all, and says how many were', () => {
    const result = aResult(100);
    const withSingle = (single: AbortResult) => ({ ...result, abort: { ...result.abort!, single } });
    const one = withSingle({ ...result.abort!.single, missed: 1 });
    const all = withSingle({ ...result.abort!.single, stored: undefined, missed: 4 });
    for (const missing of [one, all]) expect(verdictOf([missing]).met).toBe(verdictOf([result]).met - 2);
    expect(tableOf([one])).toContain('4 of 5 seen');
    expect(tableOf([all])).toContain('0 of 4 seen');
  });

  it('takes no figure for an aim that is met when nobody looked', () => {
    const result = aResult(100);
    const met = verdictOf([result]).met;
    const untold = { ...result, tenth: { ...result.tenth!, arrivals: { told: 0, lost: 0, surplus: 0 } } };
    expect(verdictOf([untold]).met).toBe(met - 1);
    // JSON has no NaN.
    const unread = { ...result, idle: { ...result.idle!, rssMb: null as unknown as number } };
    expect(verdictOf([unread]).met).toBe(met - 1);
  });

  it('takes ten minutes for ten minutes though their timer ended a millisecond early, and nine not', () => {
    const result = aResult(100);
    const lasting = (seconds: number) => verdictOf([{ ...result, idle: { ...result.idle!, seconds } }]).judged;
    expect(lasting(599.999)).toBe(lasting(600));
    expect(lasting(540)).toBe(lasting(600) - 2);
  });

  it('says where a loss could hide, and does not say that there is none', () => {
    const result = aResult(100);
    const more = { ...result, tenth: { ...result.tenth!, arrivals: { told: 80, lost: 0, surplus: 2 } } };
    expect(tableOf([more])).toContain('80 of 80, 2 writes more ✘');
  });

  it('judges the memory that is left after all phases only where all of them ran', () => {
    const { mass: _mass, ...some } = aResult(100);
    expect(tableOf([aResult(100)])).toMatch(/after all phases.*88 MB ✔/);
    expect(tableOf([some])).toMatch(/after all phases.*88 MB \|/);
  });

  it('takes no abort for fast because its metric turned bad just before it was measured', () => {
    const result = aResult(100);
    const tenth = { ...result.abort!.tenth, served: spreadOf([30, 400]), turned: spreadOf([900, 1200]) };
    expect(tableOf([{ ...result, abort: { ...result.abort!, tenth } }])).toContain('1.20 / 1.20 s; 2.40 s ✘');
  });

  it('takes no delay for quiet of which nothing was seen', () => {
    const result = aResult(100);
    const abort = { ...result.abort!, quietSingle: { seconds: 0, writes: 0 } };
    expect(tableOf([{ ...result, abort }])).toMatch(/one bad canary at a time \| 0 \| no time to see any ✘/);
  });

  it('counts wasted writes of all phases together', () => {
    const result = aResult(100);
    const wasted = { create: { count: 0, unexplained: 0 }, mass: { count: 2, unexplained: 1 } };
    expect(tableOf([result])).toContain('| 0 (abort) ✔');
    expect(tableOf([{ ...result, wasted }])).toContain('2, 1 changes of others unexplained (create, mass) ✘');
    expect(tableOf([{ ...result, wasted: {} }])).not.toContain('(other phases)');
  });

  it('shows what writes cost', () => {
    const costs = { 'status of a Rollout': 10, HTTPRoute: 9, Service: 2.34, 'ConfigMap of 3 KB': 1.5, event: 0.9 };
    expect(tableOf([{ ...aResult(100), costs }])).toContain('10, 9, 2.34, 1.50, 0.90 ms');
  });

  it('says how many phases could not be measured', () => {
    expect(verdictOf([{ ...aResult(100), failures: { mass: 'not tried' } }]).unmeasured).toBe(1);
  });

  it('writes spreads in one unit', () => {
    expect(spreadText({ count: 3, p50: 9.5, p99: 40, max: 55, values: [] })).toBe('9.50 / 40 / 55 ms');
    expect(spreadText({ count: 3, p50: 90, p99: 400, max: 1500, values: [] })).toBe('0.09 / 0.40 / 1.50 s');
    expect(spreadText(undefined)).toBeUndefined();
  });
});

describe('the table of CPU', () => {
  it('tells shares of all cores of the time that a phase took', () => {
    const marks = [{ name: 'create', fromS: 10, toS: 20, cpu: { etcd: 2, operator: 4 } }];
    const table = cpuTableOf({ ...aResult(100), machine: '2 × CPU', marks });
    expect(table).toContain('| create | 10 s | 10 % | 20 % | 30 % |');
  });

  it('says so when something else kept the machine busy', () => {
    const during = (others: number) => ({
      ...aResult(100),
      marks: [{ name: 'create', fromS: 0, toS: 10, cpu: { operator: 4, others } }],
    });
    expect(sharedMachine([during(0.5)])).toBeUndefined();
    expect(sharedMachine([during(0.5), during(12)])).toContain('up to 60 % of the machine');
  });
});

describe('the line above the table', () => {
  it('says what was not run', () => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-report-'));
    try {
      saveResult(folder, aResult(100));
      expect(writeReport(folder, undefined)).toContain(
        'Not run: N = 100: create, costs, cold, single, restart, all, mass, rested, soak.',
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('says which version was measured when, size by size', () => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-report-'));
    try {
      const LATER = { on: '2026-11-22', version: 'def', machine: '8 × CPU' };
      const one = aResult(100);
      const other = aResult(500);
      saveResult(folder, one);
      saveResult(folder, { ...other, measured: { ...other.measured, idle: LATER } });
      const { version, on } = one.measured.idle!;
      expect(writeReport(folder, undefined)).toContain(
        `Measured: version ${version} on ${on} (N = 100; N = 500, abort, tenth); version def on 2026-11-22 (N = 500, idle), on `,
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('the block in a README', () => {
  it('is replaced, and nothing around it', () => {
    const readme = 'a\n<!-- bench:begin -->\nold\n<!-- bench:end -->\nb\n';
    expect(replaceBlock(readme, '\nnew\n')).toBe('a\n<!-- bench:begin -->\nnew\n<!-- bench:end -->\nb\n');
  });

  it('is not invented where the markers are missing', () => {
    expect(() => replaceBlock('a', 'new')).toThrow(/bench:begin/);
  });
});

describe('a run of some phases', () => {
  const LATER = { on: '2026-11-22', version: 'def', machine: '8 × CPU' };
  const before = aResult(500);
  const now: SizeResult = {
    ...aResult(500),
    measured: { create: LATER, idle: LATER },
    machine: '8 × CPU',
    idle: { ...before.idle!, rssMb: 77 },
    marks: [],
    operatorEnds: 1,
    wasted: { create: { count: 1, unexplained: 0 }, idle: { count: 7, unexplained: 0 } },
  };

  it('replaces what it was asked for, and keeps the rest with its dates', () => {
    const { tenth: _tenth, abort: _abort, ...some } = now;
    const merged = mergeResults(before, some, ['idle']);
    expect(merged.idle?.rssMb).toBe(77);
    expect([merged.tenth, merged.abort]).toEqual([before.tenth, before.abort]);
    expect(merged.measured.idle?.on).toBe('2026-11-22');
    expect(merged.measured.tenth?.on).toBe('2026-11-21');
    expect([merged.marks, merged.machine]).toEqual([before.marks, before.machine]);
    expect(merged.wasted).toEqual({ ...now.wasted, abort: { count: 0, unexplained: 0 } });
    expect(merged.measured.idle?.machine).toBe('8 × CPU');
    expect(merged.operatorEnds).toBe(1);
  });

  it('forgets a failure that is over, and notes a new one in the place of a figure', () => {
    const failed = { ...before, failures: { idle: 'it ended', tenth: 'too late' } };
    expect(mergeResults(failed, now, ['idle']).failures).toEqual({ tenth: 'too late' });
    const { idle: _idle, ...without } = now;
    const again = mergeResults(before, { ...without, failures: { idle: 'it ended' } }, ['idle']);
    expect([again.idle, again.failures]).toEqual([undefined, { idle: 'it ended' }]);
  });

  it('stands alone when it has all that was measured before', () => {
    expect(mergeResults(before, now, ['idle', 'abort', 'tenth'])).toBe(now);
    expect(mergeResults(undefined, now, ['idle'])).toBe(now);
  });

  it('is stored whole', () => {
    const folder = mkdtempSync(join(tmpdir(), 'bench-store-'));
    try {
      expect(readResult(folder, 500)).toBeUndefined();
      saveResult(folder, now);
      expect(readResult(folder, 500)?.idle?.rssMb).toBe(77);
      expect(readdirSync(folder)).toEqual(['results-500.json']);
      expect(writeReport(join(folder, 'nothing'), undefined)).toBeUndefined();
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe('the report', () => {
  it('makes pictures and a page of all results in a folder', () => {
    const folder = mkdtempSync(join(tmpdir(), 'bench-report-'));
    try {
      for (const size of [500, 100]) writeFileSync(join(folder, `results-${size}.json`), JSON.stringify(aResult(size)));
      const table = writeReport(folder, undefined);
      expect(table).toContain('N = 100 | N = 500');
      const pictures = readdirSync(folder).filter(name => name.endsWith('.svg'));
      expect(pictures).toContain('memory-by-rollouts.svg');
      expect(pictures).toContain('abort-beside-peers.svg');
      expect(pictures).toContain('abort-500.svg');
      const page = readFileSync(join(folder, 'README.md'), 'utf8');
      for (const picture of pictures) expect(page).toContain(`(${picture})`);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe('the command line', () => {
  it('measures three sizes without the soak unless told otherwise', () => {
    expect(parseBenchOptions([])).toMatchObject({ sizes: [100, 500, 1000], idleMs: 600_000, out: 'tmp/bench' });
    const { phases } = parseBenchOptions([]) as BenchOptions;
    expect(phases).not.toContain('soak');
  });

  it('takes sizes, phases and times', () => {
    const options = parseBenchOptions(['20', '--phases', 'idle,abort', '--idle', '10s', '--soak', '2h', '--readme']);
    expect(options).toMatchObject({ sizes: [20], phases: ['idle', 'abort'], idleMs: 10_000, soakMs: 7_200_000 });
    expect(options).toMatchObject({ readme: true, out: 'docs/bench' });
  });

  it('refuses what it does not understand, in a sentence', () => {
    expect(() => parseBenchOptions(['many'])).toThrow(/"many" is no number of Rollouts/);
    expect(() => parseBenchOptions(['--phases', 'sleep'])).toThrow(/no phase "sleep"/);
    expect(() => parseBenchOptions(['--idle', 'long'])).toThrow(/--idle long/);
  });
});
