import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/*
 * Records the tour as it is drawn on a terminal and writes it as an animated picture for the README. Needs `script` and
 * `stty` (util-linux, coreutils): they give the tour a terminal of a known size.
 */
const COLUMNS = 104;
const ROWS = 32;
const CHAR_WIDTH = 8;
const LINE_HEIGHT = 17;
const FRAMES_PER_SECOND = 2;
const LAST_FRAME_MS = 6_000;
const ABORTED_MS = 3_000;
const ESCAPE = String.fromCharCode(27);
const CURSOR_CODE = new RegExp(`${ESCAPE}\\[(\\?25[lh]|2?[JK])`, 'g');
const COLOR_CODE = new RegExp(`${ESCAPE}\\[([\\d;]*)m`);
const COLORS: Readonly<Record<string, string>> = { '31': '#ff7b72', '32': '#7ee787', '33': '#e3b341' };

interface Frame {
  readonly atMs: number;
  readonly lines: readonly string[];
}

/** What the terminal showed, redraw by redraw. */
async function record(): Promise<Frame[]> {
  const command = `stty cols ${COLUMNS} rows ${ROWS} && exec node src/main.ts sandbox --exit`;
  const child = spawn('script', ['-qfec', command, '/dev/null'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const started = Date.now();
  const frames: Frame[] = [];
  let pending = '';
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (chunk: string) => {
    const parts = (pending + chunk).split('\u001b[H');
    pending = parts.pop() ?? '';
    for (const part of parts) frames.push({ atMs: Date.now() - started, lines: linesOf(part) });
  });
  const code = await new Promise<number>(resolve => child.on('close', status => resolve(status ?? 1)));
  frames.push({ atMs: Date.now() - started, lines: linesOf(pending) });
  if (code !== 0) throw new Error(`the tour ended with code ${code}`);
  return frames.filter(frame => frame.lines.some(line => line.trim() !== ''));
}

/** A redraw without the codes that move the cursor; colours stay. */
function linesOf(text: string): string[] {
  const shown = text.split('\u001b[J')[0] ?? '';
  return shown.replaceAll('\r', '').replace(CURSOR_CODE, '').split('\n').slice(0, ROWS);
}

/** At most so many frames a second, and none that shows what the one before shows. */
function thinned(frames: readonly Frame[]): Frame[] {
  const kept: Frame[] = [];
  for (const frame of frames) {
    const last = kept.at(-1);
    if (last && last.lines.join('\n') === frame.lines.join('\n')) continue;
    if (last && frame.atMs - last.atMs < 1000 / FRAMES_PER_SECOND && frame !== frames.at(-1)) continue;
    kept.push(frame);
  }
  return kept;
}

/** Folders of this one run say nothing to a reader. */
const escaped = (text: string) =>
  text
    .replace(/\/tmp\/sluice-sandbox-\w+/g, '/tmp/sluice')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;');

/** One line of the terminal; coloured runs become spans. */
function lineOf(line: string, row: number): string {
  if (line.trim() === '') return '';
  let color: string | undefined;
  let out = '';
  for (const [index, part] of line.split(COLOR_CODE).entries()) {
    if (index % 2 === 1) color = part.split(';').flatMap(code => COLORS[code] ?? [])[0];
    else if (part !== '') out += color ? `<tspan fill="${color}">${escaped(part)}</tspan>` : escaped(part);
  }
  return `<text xml:space="preserve" x="12" y="${(row + 1) * LINE_HEIGHT + 8}">${out}</text>`;
}

/** How long each frame is shown: as in the tour, yet the moment of the abort long enough to be read. Milliseconds. */
function durations(frames: readonly Frame[]): number[] {
  return frames.map((frame, index) => {
    const next = frames[index + 1];
    if (!next) return LAST_FRAME_MS;
    const isAborted = frame.lines[0]?.includes('Aborted') === true;
    return isAborted ? ABORTED_MS : next.atMs - frame.atMs;
  });
}

function svgOf(frames: readonly Frame[]): string {
  const shownFor = durations(frames);
  const total = shownFor.reduce((sum, ms) => sum + ms, 0);
  const share = (ms: number) => `${((100 * ms) / total).toFixed(2)}%`;
  const styles: string[] = [];
  let from = 0;
  const groups = frames.map((frame, index) => {
    const to = from + (shownFor[index] ?? 0);
    const hidden = index === 0 ? '' : '0%{visibility:hidden}';
    const after = index + 1 === frames.length ? '' : `${share(to)}{visibility:hidden}`;
    styles.push(`@keyframes f${index}{${hidden}${share(from)}{visibility:visible}${after}}`);
    styles.push(`#f${index}{visibility:hidden;animation:f${index} ${(total / 1000).toFixed(1)}s step-end infinite}`);
    from = to;
    return `<g id="f${index}">${frame.lines.map(lineOf).join('')}</g>`;
  });
  const width = COLUMNS * CHAR_WIDTH + 24;
  const height = ROWS * LINE_HEIGHT + 24;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    '<title>A canary is measured, aborted and reverted</title>',
    `<style>text{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;fill:#e6edf3;}${styles.join('')}</style>`,
    `<rect width="${width}" height="${height}" rx="8" fill="#0d1117"/>`,
    ...groups,
    '</svg>',
    '',
  ].join('\n');
}

const target = join(import.meta.dirname, '../docs/tour.svg');
const frames = thinned(await record());
const svg = svgOf(frames);
writeFileSync(target, svg);
console.log(`docs/tour.svg: ${frames.length} frames, ${(svg.length / 1024).toFixed(0)} KiB`);
