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
  each: spreadOf([26, 26.4]),
  appliedSeconds: 0.2,
  writes: { 'patch rollouts/status': 12 },
  writesPerCanary: 36,
  measurementsPerCanary: 13,
  otherWritesPerCanary: 23,
  eventsPerCanary: 8,
  eventsTold: 80,
  eventsArrived: 80,
  wastedWrites: 0,
  wastedExamples: [],
  unexplainedChanges: 0,
  peakRssMb: 120,
};

/** A result for tests in which every aim is met at 100 Rollouts. Not measured. */
export function aResult(size: number): SizeResult {
  return {
    size,
    startedAt: '2026-11-21T10:00:00.000Z',
    machine: '2 × CPU',
    create: {
      seconds: 5,
      appliedSeconds: 3,
      control: { createSeconds: 4.5, tenthSeconds: 1.2 },
      writes: { 'patch rollouts/status': 3 },
      writesPerRollout: 6,
      eventsPerRollout: 2,
      rssBeforeMb: 60,
    },
    cold: { syncedMs: 600, leadingMs: 700, rssMb: 80, writes: 0, lists: 10 },
    idle: {
      seconds: 600,
      rssMb: 86 + size / 50,
      cpuPercent: 0.1,
      writes: 0,
      reads: 0,
      leaseWritesPerSecond: 0.45,
    },
    single: { asked: fast, answered: fast, missed: 0 },
    tenth: canaries,
    all: { ...canaries, canaries: size, seconds: 60 },
    restart: { canaries: 10, promoted: 10, toLeadingSeconds: 16, syncedMs: 700, seconds: 41 },
    abort: {
      intervalMs: 2000,
      single: { ...abort, stored: spreadOf([20, 30, 40, 90]) },
      tenth: abort,
      inFlight: abort,
      mass: abort,
      quietSeconds: 24,
      quietWrites: 0,
    },
    restedMb: 95,
    operatorEnds: 0,
    failures: {},
    marks: [{ name: 'create', fromS: 0, toS: 5, cpu: { operator: 1 } }],
    timeline: Array.from({ length: 2000 }, (_, t) => ({ t, rssMb: 60 + (t % 50), inFlight: t < 30 ? 10 : 0 })),
    writesPerSecond: [5, 60, 30],
    eventsPerSecond: [1, 20, 10],
  };
}
