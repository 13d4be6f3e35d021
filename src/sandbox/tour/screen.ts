import type { AnalysisRunStatus, Measurement } from '../../api/analysis-run.ts';
import type { RolloutStatus } from '../../api/rollout-status.ts';
import type { LoadSecond } from '../load/load-window.ts';

/** Everything that the live view shows, as data. */
export interface ScreenModel {
  readonly status: RolloutStatus | undefined;
  readonly run: AnalysisRunStatus | undefined;
  /** Canary weight once a second, oldest first. */
  readonly weights: readonly number[];
  readonly load: readonly LoadSecond[];
  /** Lines of the story, newest last. */
  readonly story: readonly string[];
  readonly hints: readonly string[];
  readonly columns: number;
  readonly rows: number;
  readonly color: boolean;
}

const BARS = ' ▁▂▃▄▅▆▇█';
const PHASE_GLYPH: Readonly<Record<string, string>> = {
  Healthy: '✔',
  Progressing: '◌',
  Paused: 'Ⅱ',
  Aborted: '✖',
  Degraded: '✖',
  Invalid: '✖',
};

/** Draws the view: never wider than the terminal, never higher. Meaning is in words and glyphs; colour only repeats it. */
export function drawScreen(model: ScreenModel): string[] {
  const width = Math.max(40, Math.min(model.columns, 120));
  const lines = [
    headline(model),
    model.status?.message ? `  ${model.status.message}` : '  waiting for Git',
    '',
    ...staircase(model, width),
    '',
    ...samples(model),
    ...requests(model, width),
    '',
  ];
  const room = Math.max(3, model.rows - lines.length - model.hints.length - 2);
  const story = model.story.slice(-room);
  return [...lines, ...story, '', ...model.hints].slice(0, model.rows - 1).map(line => cutTo(line, width));
}

function headline({ status, color }: ScreenModel): string {
  if (!status) return 'shop';
  const { phase, display, stable, canary } = status;
  const paint = phase === 'Healthy' ? '32' : phase === 'Aborted' || phase === 'Degraded' ? '31' : '33';
  const word = color
    ? `\u001b[${paint};1m${PHASE_GLYPH[phase] ?? ''} ${phase}\u001b[0m`
    : `${PHASE_GLYPH[phase] ?? ''} ${phase}`;
  const parts = [`shop  ${word}`];
  if (display?.step) parts.push(`step ${display.step}`);
  if (display?.weight) parts.push(`weight ${display.weight}`);
  if (stable) parts.push(`stable r${stable.revision} ${stable.images?.[0] ?? ''}`);
  if (canary) parts.push(`canary r${canary.revision} ${canary.images?.[0] ?? ''}`);
  return parts.join('   ');
}

/** Weight over time as a staircase of block characters, four rows high. */
function staircase({ weights }: ScreenModel, width: number): string[] {
  const shown = weights.slice(-(width - 14));
  const rows = [3, 2, 1, 0].map(row => {
    const cells = shown.map(weight => {
      const level = Math.round((weight / 100) * 32) - row * 8;
      return BARS[Math.max(0, Math.min(8, level))] ?? ' ';
    });
    const label = row === 3 ? '100%' : row === 1 ? ' 50%' : row === 0 ? '  0%' : '';
    return `  ${label.padStart(5)} │${cells.join('')}`;
  });
  return ['  canary weight', ...rows];
}

function samples({ run, color }: ScreenModel): string[] {
  return (run?.metricResults ?? []).map(result => {
    const cells = (result.measurements ?? []).map(measurement => cell(measurement, color)).join('  ');
    const wanted = result.measurements?.find(m => m.threshold)?.threshold ?? '';
    return `  gate ${result.name} ${wanted}:  ${cells}`;
  });
}

function cell(measurement: Measurement, color: boolean): string {
  const { phase, value } = measurement;
  const glyph = phase === 'Successful' ? '✔' : phase === 'Failed' ? '✖' : phase === 'NoData' ? '·' : '?';
  const number = value === undefined ? 'no data' : Number.isFinite(Number(value)) ? Number(value).toFixed(3) : value;
  const text = `${number}${glyph}`;
  if (!color || phase === 'NoData') return text;
  return `\u001b[${phase === 'Successful' ? '32' : '31'}m${text}\u001b[0m`;
}

/** Success of the users' requests, second by second, and who answered. */
function requests({ load }: ScreenModel, width: number): string[] {
  const shown = load.slice(-Math.min(60, width - 14));
  const total = shown.reduce((sum, second) => sum + second.total, 0);
  const failed = shown.reduce((sum, second) => sum + second.failed, 0);
  if (total === 0) return ['  requests: none yet'];
  const bars = shown
    .map(second =>
      second.total === 0 ? ' ' : (BARS[Math.max(1, Math.round(8 * (1 - second.failed / second.total)))] ?? ' '),
    )
    .join('');
  const last = shown.at(-1);
  const by = Object.entries(last?.byImage ?? {})
    .map(([image, share]) => `${image} ${share.total}`)
    .join(', ');
  return [
    `  success │${bars}`,
    `  requests ${(100 * (1 - failed / total)).toFixed(2)} % ok over the last ${shown.length} s; last second: ${by}`,
  ];
}

/** Cuts a line to the width, not counting colour codes. */
function cutTo(line: string, width: number): string {
  let visible = 0;
  let out = '';
  for (let i = 0; i < line.length; i++) {
    if (line[i] === '\u001b') {
      const end = line.indexOf('m', i);
      out += line.slice(i, end + 1);
      i = end;
      continue;
    }
    if (visible >= width) continue;
    out += line[i];
    visible++;
  }
  return out;
}
