import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { MatrixRig } from '../matrix/matrix-rig.ts';

/** `Date` follows `offset`, a variable of the same text. */
const DATE = `
const RealDate = Date;
const realNow = RealDate.now.bind(RealDate);
const oddNow = () => realNow() + offset;
RealDate.now = oddNow;
globalThis.Date = new Proxy(RealDate, {
  construct: (target, args) => (args.length === 0 ? new target(oddNow()) : new target(...args)),
});
`;

/**
 * The operator with a wall clock that is off by so many milliseconds. Like all of these it says in its log when it does what
 * it is there for, on a line that begins with `odd: `.
 * @returns the program's path
 */
export function clockIsOff(rig: MatrixRig, ms: number): string {
  return program(
    rig,
    `const offset = ${ms};${DATE}console.error('odd: the clock is off by', Date.now() - realNow(), 'ms');`,
  );
}

/** The operator with a wall clock that jumps by so many milliseconds at every SIGUSR2. */
export function clockJumps(rig: MatrixRig, ms: number): string {
  return program(
    rig,
    `let offset = 0;${DATE}process.on('SIGUSR2', () => { offset += ${ms}; console.error('odd: the clock has jumped'); });`,
  );
}

/** An operator whose clock is to meet a change of the clocks starts so long before. */
const EARLY_MS = 300_000;

/**
 * The operator in a time zone whose clocks are put forward, or back, some minutes after its start; at every SIGUSR2 its clock jumps
 * to a second before.
 * @param change when they are, in ISO 8601
 */
export function clocksChange(rig: MatrixRig, zone: string, change: string): string {
  const at = Date.parse(change);
  return program(
    rig,
    `
process.env.TZ = ${JSON.stringify(zone)};
let offset = ${at - EARLY_MS} - Date.now();
${DATE}
const minutesOff = ms => new Date(ms).getTimezoneOffset();
if (minutesOff(${at - 1}) === minutesOff(${at})) throw new Error('no clock is changed there and then');
process.on('SIGUSR2', () => {
  offset = ${at - 1_000} - realNow();
  console.error('odd: the clocks change in a second');
});
`,
  );
}

/** The operator, whose event loop stands still for so long at every SIGUSR2. */
export function loopBlocks(rig: MatrixRig, ms: number): string {
  const wait = `Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ${ms})`;
  return program(rig, `process.on('SIGUSR2', () => { console.error('odd: the event loop stands still'); ${wait}; });`);
}

/** The operator in a hurry: its timers and its monotonic clock run so many times faster, the wall clock does not. */
export function hurried(rig: MatrixRig, times: number): string {
  return program(
    rig,
    `
const { setTimeout: later } = globalThis;
globalThis.setTimeout = (fn, ms = 0, ...args) => later(fn, ms / ${times}, ...args);
const real = performance.now.bind(performance);
performance.now = () => real() * ${times};
`,
  );
}

let programs = 0;

function program(rig: MatrixRig, before: string): string {
  const file = join(rig.folder, `odd-${programs++}.mjs`);
  writeFileSync(file, `${before}\nawait import(${JSON.stringify(pathToFileURL(rig.program).href)});\n`);
  return file;
}
