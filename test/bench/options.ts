import { parseArgs } from 'node:util';
import { PHASES, type PhaseName } from './results.ts';

/** What a run of the bench shall do. */
export interface BenchOptions {
  readonly sizes: readonly number[];
  readonly phases: readonly PhaseName[];
  readonly idleMs: number;
  readonly soakMs: number;
  /** Folder for results, table and plots. */
  readonly out: string;
  /** Put the table into README.md. */
  readonly readme: boolean;
  /** Measure nothing; make table and plots from the results that are in the folder. */
  readonly reportOnly: boolean;
}

export const BENCH_HELP = `npm run bench -- [N ...] [flags]: the operator on a real control plane, measured from outside

  N ...            numbers of Rollouts, one fresh control plane each (default: 100 500 1000)
  --phases LIST    of ${PHASES.join(', ')} (default: all but soak)
  --idle TIME      how long to watch it do nothing (default 10m)
  --soak TIME      how long to keep it busy (default 2h; the phase runs when this flag is given or it is named)
  --out DIR        results, table and plots (default tmp/bench, with --readme docs/bench)
  --readme         put the table into README.md, between its two markers
  --report         measure nothing: table and plots of the results that are in DIR

A run replaces what DIR has of the phases that it was asked for; the table shows all sizes in DIR. 5000 takes hours when all
phases run: every canary measures every two seconds.
`;

/** @throws Error with a sentence for the user */
export function parseBenchOptions(args: readonly string[]): BenchOptions | 'help' {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      phases: { type: 'string' },
      idle: { type: 'string', default: '10m' },
      soak: { type: 'string' },
      out: { type: 'string' },
      readme: { type: 'boolean', default: false },
      report: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return 'help';
  if (values.readme && /^\/?tmp\b/.test(values.out ?? ''))
    throw new Error(
      `--out ${values.out}: README.md would show pictures that are not in the repository; give another folder`,
    );
  const named = values.phases?.split(',').map(phaseNamed);
  return {
    sizes: positionals.length > 0 ? positionals.map(sizeOf) : [100, 500, 1000],
    phases: named ?? PHASES.filter(name => name !== 'soak' || values.soak !== undefined),
    idleMs: timeMs('--idle', values.idle),
    soakMs: timeMs('--soak', values.soak ?? '2h'),
    out: values.out ?? (values.readme ? 'docs/bench' : 'tmp/bench'),
    readme: values.readme,
    reportOnly: values.report,
  };
}

function phaseNamed(text: string): PhaseName {
  const name = PHASES.find(phase => phase === text.trim());
  if (name === undefined) throw new Error(`--phases: there is no phase "${text}"; there are ${PHASES.join(', ')}`);
  return name;
}

function sizeOf(text: string): number {
  const size = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (size < 10 || size > 10_000) throw new Error(`"${text}" is no number of Rollouts; give 10 to 10000`);
  return size;
}

const UNITS = { s: 1_000, m: 60_000, h: 3_600_000 } as const;

function timeMs(flag: string, text: string): number {
  const match = /^(\d+)([smh])$/.exec(text);
  if (match === null) throw new Error(`${flag} ${text}: give a time such as 30s, 10m or 2h`);
  return Number(match[1]) * UNITS[match[2] as keyof typeof UNITS];
}
