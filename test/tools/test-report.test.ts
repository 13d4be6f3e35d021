import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readTestReport } from '../../tools/test-report.ts';

const ROOT = '/work';

describe('what a report of tests says', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'report-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  function read(testResults: readonly object[], counts: object = {}, code = 1, mustRun = true) {
    const file = join(folder, 'report.json');
    const none = { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0 };
    writeFileSync(file, JSON.stringify({ ...none, ...counts, testResults }));
    return readTestReport(file, code, ROOT, mustRun);
  }

  const file = (assertionResults: readonly object[], more: object = {}) => ({
    ...{ name: `${ROOT}/test/a.test.ts`, status: 'failed', message: '', assertionResults, ...more },
  });

  it('names each test that failed with its reason on one line, without the stack', () => {
    const failureMessages = ['AssertionError: expected 3 to be 1\n    at /src/test/a.test.ts:4:7\n  seen: x'];
    const { counts, failures } = read(
      [
        file([
          { title: 'counts', status: 'failed', failureMessages },
          { title: 'adds', status: 'passed' },
        ]),
      ],
      { numPassedTests: 1, numFailedTests: 1, numTodoTests: 1 },
    );
    expect(failures).toEqual(['test/a.test.ts: counts: AssertionError: expected 3 to be 1 | seen: x']);
    expect(counts).toEqual({ passed: 1, failed: 1, skipped: 1 });
  });

  it('names a file that could not be loaded, which is a failure although no test failed', () => {
    const { counts, failures } = read([file([], { message: 'SyntaxError: no' })], { numPassedTests: 5 });
    expect(failures).toEqual(['test/a.test.ts: SyntaxError: no']);
    expect(counts.failed).toBe(1);
  });

  it('takes a run that found no test, or wrote no report, for a failure', () => {
    for (const mustRun of [false, true]) {
      const { counts, failures } = read([], {}, 0, mustRun);
      expect(counts.failed).toBe(1);
      expect(failures).toEqual(['no test ran, 0 were skipped']);
      expect(readTestReport(join(folder, 'none.json'), 0, ROOT, mustRun).counts.failed).toBe(1);
    }
  });

  it('takes a run in which all was skipped for skipped, and for a failure where it must run', () => {
    const skipped = file([{ title: 'a', status: 'skipped' }], { status: 'passed' });
    const counts = { numPendingTests: 2, numTodoTests: 1 };
    expect(read([skipped], counts, 0, false)).toEqual({ counts: { passed: 0, failed: 0, skipped: 3 }, failures: [] });
    expect(read([skipped], counts, 0, true)).toEqual({
      counts: { passed: 0, failed: 1, skipped: 3 },
      failures: ['no test ran, 3 were skipped'],
    });
  });

  it('takes a run with a file that could not be loaded for a failure, although all else was skipped', () => {
    const { counts, failures } = read([file([], { message: 'SyntaxError: no' })], { numPendingTests: 2 }, 1, false);
    expect(counts).toEqual({ passed: 0, failed: 1, skipped: 2 });
    expect(failures).toEqual(['test/a.test.ts: SyntaxError: no']);
  });

  it('cuts a reason that is long', () => {
    const failureMessages = ['x'.repeat(10_000)];
    const [line = ''] = read([file([{ title: 'a', status: 'failed', failureMessages }])]).failures;
    expect(line.length).toBeLessThan(700);
  });
});
