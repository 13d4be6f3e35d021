import type { SizeResult } from '../results.ts';
import { peersOf, shortNumber } from './figures.ts';
import type { Row } from './rows.ts';

/** Memory that is allowed at rest, MB, by number of Rollouts. */
export const RSS_AIM_MB: Readonly<Record<number, number>> = { 100: 90, 500: 95, 1000: 110, 5000: 220 };

/** What is done every few minutes shows only to those who watch for long. */
const LONG_S = 600;

/** The operator at rest. */
export const REST_ROWS: readonly Row[] = [
  {
    title: 'memory with no Rollout, RSS',
    figure: ({ create }) => create && `${shortNumber(create.rssBeforeMb)} MB`,
    ...peersOf('rssEmptyMb', 'MB'),
  },
  {
    title: 'memory at rest, RSS',
    figure: ({ idle }) => idle && `${shortNumber(idle.rssMb)} MB`,
    aim: '90 MB at 100, 95 at 500, 110 at 1000, 220 at 5000',
    met: ({ idle, size }) => within(idle?.rssMb, RSS_AIM_MB[size]),
    ...peersOf('rssIdleMb', 'MB'),
  },
  {
    title: 'memory at rest again after all phases, RSS',
    figure: ({ rested }) => rested && `${shortNumber(rested.rssMb)} MB`,
    aim: 'the same',
    // Where not all of them ran there is less to keep.
    met: ({ rested, all, mass, size }) => (all && mass ? within(rested?.rssMb, RSS_AIM_MB[size]) : undefined),
  },
  {
    title: 'ReplicaSets, revisions and runs that each Rollout keeps: at rest; after all phases',
    figure: ({ idle, rested }) => {
      const kept = [idle?.keptPerRollout, rested?.keptPerRollout];
      if (kept.every(count => count === undefined)) return undefined;
      return kept.map(count => (count === undefined ? '–' : shortNumber(count))).join('; ');
    },
  },
  {
    title: 'CPU at rest, of one core',
    figure: ({ idle }) => idle && `${shortNumber(idle.cpuPercent)} %`,
    aim: '0.2 % at 500',
    // Clock ticks are too coarse for less.
    met: ({ idle, size }) => (size <= 500 && hasLasted(idle, 60) ? within(idle?.cpuPercent, 0.2) : undefined),
    ...peersOf('idleCpuPercent', '%'),
  },
  {
    title: 'writes at rest, lease apart',
    figure: ({ idle }) => idle && `${idle.writes} in ${shortNumber(idle.seconds)} s`,
    aim: '0 in 10 minutes',
    met: ({ idle }) => (hasLasted(idle, LONG_S) ? idle?.writes === 0 : undefined),
    ...peersOf('idleWritesPerSecond', 'per s'),
  },
  {
    title: 'reads at rest, lease apart',
    figure: ({ idle }) => idle && `${idle.reads} in ${shortNumber(idle.seconds)} s`,
    aim: '0 in 10 minutes',
    met: ({ idle }) => (hasLasted(idle, LONG_S) ? idle?.reads === 0 : undefined),
    ...peersOf('idleReadsPerSecond', 'per s'),
  },
  {
    title: 'start of the process → caches synced',
    figure: ({ cold }) => cold && `${shortNumber(cold.syncedMs / 1000)} s`,
    aim: '2 s at 1000',
    met: ({ cold, size }) => (size <= 1000 ? within(cold?.syncedMs, 2_000) : undefined),
  },
  {
    title: 'start of the process → leading; memory then',
    figure: ({ cold }) => cold && `${shortNumber(cold.leadingMs / 1000)} s; ${shortNumber(cold.rssMb)} MB`,
  },
  {
    title: 'writes in 30 s after a start on a fleet at rest',
    figure: ({ cold }) => cold && String(cold.writes),
    aim: '0',
    met: ({ cold }) => cold?.writes === 0,
  },
];

/** A timer may end a millisecond early. */
function hasLasted(idle: SizeResult['idle'], seconds: number): boolean {
  return Math.round(idle?.seconds ?? 0) >= seconds;
}

/** Whether a figure keeps a bound; undefined where either is missing. What is no number (stored as null) keeps none. */
export function within(value: number | undefined, bound: number | undefined): boolean | undefined {
  return value === undefined || bound === undefined ? undefined : Number.isFinite(value) && value <= bound;
}
