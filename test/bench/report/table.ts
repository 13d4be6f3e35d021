import type { SizeResult } from '../results.ts';
import { PEER_NAMES } from './peers.ts';
import { ROWS, type Row } from './rows.ts';

/** The table of all sizes in Markdown, with a verdict per aim, and what failed below it. */
export function tableOf(results: readonly SizeResult[]): string {
  const sizes = results.map(({ size }) => `N = ${size}`);
  const head = ['', 'aim', ...sizes, `${PEER_NAMES.argo}, 100 / 500`, `${PEER_NAMES.flagger}, 100 / 500`];
  const rows = ROWS.flatMap(row => lineOf(row, results) ?? []);
  const lines = [line(head), line(head.map((_, index) => (index < 2 ? '---' : '---:'))), ...rows];
  const failures = results.flatMap(({ size, failures: of }) =>
    Object.entries(of).map(([phase, why]) => `- N = ${size}, ${phase}: not measured: ${why}`),
  );
  return [lines.join('\n'), ...(failures.length > 0 ? [failures.join('\n')] : [])].join('\n\n');
}

/** How the aims stand. */
export interface Verdict {
  readonly met: number;
  /** Aims for which there is a figure. */
  readonly judged: number;
  /** Phases that failed: their aims are neither met nor missed. */
  readonly unmeasured: number;
}

/** How many aims are met, of those that could be judged. */
export function verdictOf(results: readonly SizeResult[]): Verdict {
  const verdicts = results
    .flatMap(result => ROWS.map(row => (row.figure(result) === undefined ? undefined : row.met?.(result))))
    .filter(verdict => verdict !== undefined);
  const failures = results.flatMap(({ failures: of }) => Object.keys(of));
  return { met: verdicts.filter(verdict => verdict).length, judged: verdicts.length, unmeasured: failures.length };
}

function lineOf(row: Row, results: readonly SizeResult[]): string | undefined {
  const cells = results.map(result => cellOf(row, result));
  if (cells.every(cell => cell === '')) return undefined;
  return line([row.title, row.aim ?? '', ...cells, row.argo ?? '', row.flagger ?? '']);
}

function cellOf(row: Row, result: SizeResult): string {
  const figure = row.figure(result);
  if (figure === undefined) return '';
  const met = row.met?.(result);
  return met === undefined ? figure : `${figure} ${met ? '✔' : '✘'}`;
}

const line = (cells: readonly string[]) => `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |`;
