import { spreadOf } from './measure/statistics.ts';
import type { AbortResult, CanaryResult, SizeResult } from './results.ts';

const fast = spreadOf([8, 9, 9.5, 15]);
const abort: AbortResult = {
  aborted: 4,
  stored: spreadOf([20, 30, 40, 90]),
  served: spreadOf([30, 40, 50, 100]),
  turned: spreadOf([200, 1200, 1900, 2100]),
  missed: 0,
};

const canaries: CanaryResult = {
  canaries: 10,
  promoted: 10,
  seconds: 26.5,
  pauseSeconds: 25,
  appliedSeconds: 0.2,
  writes: { 'patch rollouts/status': 12 },
  writesPerCanary: 36,
  otherWrites: { mean: 23, max: 25 },
  refusedWrites: 0,
  events: { mean: 8, max: 8 },
  arrivals: { told: 80, lost: 0, surplus: 0 },
  wastedWrites: 0,
  unexplainedChanges: 0,
  peakRssMb: 120,
};

const MEASURED = { on: '2026-11-21', version: 'abc1234', machine: '2 × CPU' };

/** A result for tests in which every aim is met at 100 Rollouts. Not measured. */
export function aResult(size: number): SizeResult {
  return {
    size,
    measured: { idle: MEASURED, abort: MEASURED, tenth: MEASURED },
    machine: '2 × CPU',
    create: {
      seconds: 5,
      appliedSeconds: 3,
      control: { createSeconds: 4.5, createBusy: 0.9, tenthSeconds: 1.2 },
      writes: { 'patch rollouts/status': 3 },
      writesPerRollout: 6,
      eventsPerRollout: 2,
      busy: 0.95,
      rssBeforeMb: 60,
    },
    cold: { syncedMs: 600, leadingMs: 700, rssMb: 80, writes: 0 },
    idle: {
      seconds: 600,
      rssMb: 86 + size / 50,
      cpuPercent: 0.1,
      writes: 0,
      reads: 0,
    },
    single: { asked: fast, accepted: fast, answered: fast, missed: 0 },
    tenth: canaries,
    all: { ...canaries, canaries: size, promoted: size, seconds: 60 },
    restart: { canaries: 10, promoted: 10, toLeadingSeconds: 16 },
    abort: { single: abort, tenth: abort, quietSingle: { seconds: 23, writes: 0 }, quiet: { seconds: 15, writes: 0 } },
    mass: { inFlight: abort, rest: abort, arrivals: { told: 300, lost: 0, surplus: 0 } },
    rested: { seconds: 20, rssMb: 88, cpuPercent: 0.1, writes: 0, reads: 0 },
    wasted: { abort: { count: 0, unexplained: 0 } },
    operatorEnds: 0,
    failures: {},
    marks: [{ name: 'create', fromS: 0, toS: 5, cpu: { operator: 1 } }],
    timeline: Array.from({ length: 2000 }, (_, t) => ({ t, rssMb: 60 + (t % 50), inFlight: t < 30 ? 10 : 0 })),
    writesPerSecond: [5, 60, 30],
    eventsPerSecond: [1, 20, 10],
  };
}
