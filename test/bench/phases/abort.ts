import { setTimeout as sleep } from 'node:timers/promises';
import { LONGEST_MS } from '../../../src/operator/status-delay.ts';
import { isOperatorAttempt, isOperatorWrite, memberKeyOf, type Request } from '../measure/audit-record.ts';
import { routeDelays } from '../measure/route-delays.ts';
import { spreadOf } from '../measure/statistics.ts';
import type { AbortResult, QuietResult } from '../results.ts';
import type { Bench } from '../world/bench.ts';
import { HELD_STEPS, type Member, tenthOf } from '../world/fleet.ts';
import { arrivalsSince } from './arrivals.ts';

const SINGLE_SAMPLES = 100;
const APART_MS = 300;
/** An aborted canary keeps its pods for 30 s. */
const DELAY_MS = 30_000;
/** What only shows is stored as late as this while few wait. */
const SHOWN_LATE_MS = 2_000;
/** One abort that has the operator for itself is told whole by then. */
const TOLD_MS = 2 * SHOWN_LATE_MS;
/** Shorter stretches of that delay say nothing. */
const QUIET_MS = 5_000;
const ROUTE_SEEN_MS = 30_000;

/** Bad canaries: one at a time, and every tenth at once. */
export async function runAbort(bench: Bench, say: (text: string) => void): Promise<void> {
  const some = tenthOf(bench.members);
  say('bad canaries, one at a time');
  const few = bench.members.slice(0, Math.min(SINGLE_SAMPLES, Math.max(some.length, Math.ceil(bench.size / 2))));
  await holdInFlight(bench, few);
  const markSingle = bench.audit.mark();
  const single = await abortEach(bench, few);
  const quietSingle = await quietDelay(bench, few, markSingle, EACH_TOLD);
  await bench.restore();
  say(`${some.length} bad canaries at once`);
  await holdInFlight(bench, some);
  const mark = bench.audit.mark();
  const tenth = await abortAtOnce(bench, some);
  const quiet = await quietDelay(bench, some, mark, ALL_TOLD);
  bench.result.abort = { single, tenth, quietSingle, quiet };
}

/** Bad canaries while all are in flight: every tenth, and all that are left of those. */
export async function runMass(bench: Bench, say: (text: string) => void): Promise<void> {
  const some = tenthOf(bench.members);
  const others = bench.members.slice(some.length);
  const mark = bench.audit.mark();
  const told = bench.told();
  say(`all ${bench.size} in flight, ${some.length} of them bad`);
  await holdInFlight(bench, bench.members);
  const inFlight = await abortAtOnce(bench, some);
  say(`the other ${others.length} bad, all at once`);
  const rest = await abortAtOnce(bench, others);
  await bench.restore();
  bench.result.mass = { inFlight, rest, arrivals: arrivalsSince(bench, mark, told) };
}

/** Brings members to their first weight, where they stay. */
async function holdInFlight(bench: Bench, members: readonly Member[]): Promise<void> {
  await bench.change(members, bench.nextImage(), HELD_STEPS);
  const keys = members.map(({ key }) => key);
  const patience = bench.patience(members.length * 2);
  await bench.fleet.until('in flight', keys, ({ canaryWeight }) => canaryWeight > 0, patience);
  // The weight in status is the one that was asked for; traffic follows the route.
  const idle = () => keys.filter(key => !bench.routes.weight(key));
  for (const deadline = Date.now() + patience; idle().length > 0; await sleep(250))
    if (Date.now() > deadline) throw new Error(`routes without traffic to their canaries: ${idle().slice(0, 5)}`);
  await bench.calmButMeasuring();
}

async function abortAtOnce(bench: Bench, members: readonly Member[]): Promise<AbortResult> {
  const mark = bench.audit.mark();
  const turnedAt = Date.now();
  const keys = members.map(({ key }) => key);
  bench.prometheus.turnBad(keys);
  await bench.fleet.until('aborted', keys, ({ phase }) => phase === 'Aborted', bench.patience(members.length));
  await sleep(SHOWN_LATE_MS);
  return await resultOf(bench, mark, new Map(keys.map(key => [key, turnedAt])));
}

async function abortEach(bench: Bench, members: readonly Member[]): Promise<AbortResult> {
  const mark = bench.audit.mark();
  const turnedAt = new Map<string, number>();
  for (const { key } of members) {
    turnedAt.set(key, Date.now());
    bench.prometheus.turnBad([key]);
    await bench.fleet.until('aborted', [key], ({ phase }) => phase === 'Aborted', 60_000);
    await sleep(APART_MS);
  }
  return await resultOf(bench, mark, turnedAt);
}

/** @throws Error when a route still sends traffic to a canary that was aborted */
async function resultOf(bench: Bench, mark: number, turnedAt: ReadonlyMap<string, number>): Promise<AbortResult> {
  const still = () => [...turnedAt.keys()].filter(key => bench.routes.weight(key) !== 0);
  // The bench's own watch may be late on a busy machine; what it tells here is only whether the log is complete.
  for (const deadline = Date.now() + ROUTE_SEEN_MS; still().length > 0; await sleep(250))
    if (Date.now() > deadline)
      throw new Error(`aborted, and their routes not at 0 %: ${still().slice(0, 5).join(', ')}`);
  const delays = routeDelays(bench.audit.since(mark), turnedAt, key => bench.prometheus.firstBadAt(key));
  const spread = (figure: 'stored' | 'served' | 'turned') => spreadOf(delays.map(delay => delay[figure]));
  return {
    aborted: turnedAt.size,
    stored: spread('stored'),
    served: spread('served'),
    turned: spread('turned'),
    missed: turnedAt.size - delays.length,
  };
}

/** From when on nothing more may be written about a member, by when the route of each was at 0 %. */
type Told = (homeAt: ReadonlyMap<string, number>) => (key: string) => number;

const EACH_TOLD: Told = homeAt => key => (homeAt.get(key) ?? Infinity) + TOLD_MS;

/** While many wait, what only shows waits for as long as it ever does. */
const ALL_TOLD: Told = homeAt => {
  const from = Math.max(...homeAt.values()) + LONGEST_MS;
  return () => from;
};

/**
 * Counts what was written about the aborted members in the last part of the delay: from when all that may be told of the aborts is
 * told until their pods may go.
 */
async function quietDelay(bench: Bench, members: readonly Member[], mark: number, told: Told): Promise<QuietResult> {
  const badAt = new Map(members.map(({ key }) => [key, bench.prometheus.firstBadAt(key) ?? 0]));
  const endsAt = (key: string) => (badAt.get(key) ?? 0) + DELAY_MS - SHOWN_LATE_MS;
  const about = (request: Request) => memberKeyOf(request) ?? '';
  await sleep(Math.max(0, Math.max(...members.map(({ key }) => endsAt(key))) - Date.now()));
  const attempts = bench.audit.since(mark).filter(request => isOperatorAttempt(request) && badAt.has(about(request)));
  const homeAt = new Map<string, number>();
  for (const request of attempts) {
    const key = about(request);
    const isHome =
      request.resource === 'httproutes' && isOperatorWrite(request) && request.atMs > (badAt.get(key) ?? 0);
    if (isHome && !homeAt.has(key)) homeAt.set(key, request.doneMs);
  }
  const from = told(homeAt);
  const shortest = Math.min(...members.map(({ key }) => endsAt(key) - from(key)));
  if (homeAt.size < members.length || shortest < QUIET_MS) return { seconds: 0, writes: 0 };
  const isQuiet = (request: Request, key: string) => request.atMs > from(key) && request.atMs < endsAt(key);
  const writes = attempts.filter(request => isQuiet(request, about(request)));
  return { seconds: Math.floor(shortest / 1000), writes: writes.length };
}
