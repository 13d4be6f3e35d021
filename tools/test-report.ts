import { existsSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';

/** What a run of tests came to, read from the JSON report of vitest. */

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export interface TestReport {
  readonly counts: Counts;
  /** One line for each test that failed, and for each file that could not be loaded: where, which, why. */
  readonly failures: readonly string[];
}

interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly title: string;
      readonly status: string;
      readonly failureMessages?: readonly string[] | null;
    }[];
  }[];
}

/** How much of the reason a line shows: what was expected and what was there, and no difference of whole objects. */
const WHY_LENGTH = 600;

/**
 * `code`: what the run ended with. A report that is missing or without any test is a failure. So is one in which all tests
 * were skipped when `mustRun`, as in CI: elsewhere a tool may be missing.
 */
export function readTestReport(file: string, code: number, root: string, mustRun: boolean): TestReport {
  if (!existsSync(file)) return { counts: { passed: 0, failed: 1, skipped: 0 }, failures: ['there is no report'] };
  const json = JSON.parse(readFileSync(file, 'utf8')) as VitestReport;
  const passed = json.numPassedTests;
  const skipped = json.numPendingTests + json.numTodoTests;
  const failures = json.testResults.flatMap(result => failuresOf(result, root));
  const proves = passed > 0 || json.numFailedTests > 0 || (skipped > 0 && !mustRun);
  if (!proves && failures.length === 0) failures.push(`no test ran, ${skipped} were skipped`);
  // A file that cannot be loaded has no tests and still fails the run; so does a run that proves nothing.
  const failed = Math.max(json.numFailedTests, code === 0 ? 0 : 1, proves ? 0 : 1);
  return { counts: { passed, failed, skipped }, failures };
}

function failuresOf(result: VitestReport['testResults'][number], root: string): string[] {
  const where = relative(root, result.name);
  const failed = result.assertionResults.filter(({ status }) => status === 'failed');
  const lines = failed.map(({ title, failureMessages }) => `${where}: ${title}: ${why(failureMessages?.[0])}`);
  return lines.length > 0 || result.status !== 'failed' ? lines : [`${where}: ${why(result.message)}`];
}

/** A message on one line, without the places in the code that it came through. */
function why(message = ''): string {
  const lines = message.split('\n').filter(line => !/^\s+at /.test(line));
  return lines
    .map(line => line.trim())
    .filter(line => line !== '')
    .join(' | ')
    .slice(0, WHY_LENGTH);
}
