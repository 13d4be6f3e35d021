import { setTimeout as sleep } from 'node:timers/promises';
import { isOperatorWrite, memberKeyOf } from '../measure/audit-record.ts';
import { routeDelays } from '../measure/route-delays.ts';
import { spreadOf } from '../measure/statistics.ts';
import type { AbortResult, AbortResults } from '../results.ts';
import type { Bench } from '../world/bench.ts';
import { HELD_STEPS, INTERVAL_MS, type Member, tenthOf } from '../world/fleet.ts';

const SINGLE_SAMPLES = 100;
const APART_MS = 300;
/** An aborted canary keeps its pods for 30 s. What only shows is stored up to a second late. */
const DELAY_MS = 30_000;
const SHOWN_LATE_MS = 2_000;

/** Bad canaries: one at a time, and every tenth at once. */
export async function runAbort(bench: Bench, say: (text: string) => void): Promise<void> {
  const some = tenthOf(bench.members);
  await bench.restore();
  say('bad canaries, one at a time');
  const few = bench.members.slice(0, Math.min(SINGLE_SAMPLES, Math.max(some.length, Math.ceil(bench.size / 2))));
  await holdInFlight(bench, few);
  note(bench, { single: await abortEach(bench, few) });
  await bench.restore();
  say(`${some.length} bad canaries at once`);
  await holdInFlight(bench, some);
  note(bench, { tenth: await abortAtOnce(bench, some) });
  note(bench, await quietDelay(bench, some));
  await bench.restore();
}

/** Bad canaries while all are in flight: every tenth, and all that are left of those. */
export async function runMass(bench: Bench, say: (text: string) => void): Promise<void> {
  const some = tenthOf(bench.members);
  const others = bench.members.slice(some.length);
  await bench.restore();
  say(`all ${bench.size} in flight, ${some.length} of them bad`);
  await holdInFlight(bench, bench.members);
  note(bench, { inFlight: await abortAtOnce(bench, some) });
  say(`the other ${others.length} bad, all at once`);
  note(bench, { mass: await abortAtOnce(bench, others) });
  await bench.restore();
}

function note(bench: Bench, found: Partial<AbortResults>): void {
  bench.result.abort = { intervalMs: INTERVAL_MS, ...bench.result.abort, ...found };
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
  return resultOf(bench, mark, new Map(keys.map(key => [key, turnedAt])));
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
  return resultOf(bench, mark, turnedAt);
}

/** @throws Error when a route still sends traffic to a canary that was aborted */
function resultOf(bench: Bench, mark: number, turnedAt: ReadonlyMap<string, number>): AbortResult {
  const still = [...turnedAt.keys()].filter(key => bench.routes.weight(key) !== 0);
  if (still.length > 0) throw new Error(`aborted, and their routes not at 0 %: ${still.slice(0, 5).join(', ')}`);
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

/** Counts writes about aborted members from when the last was aborted until the first may lose its pods. */
async function quietDelay(bench: Bench, members: readonly Member[]) {
  const keys = new Set(members.map(({ key }) => key));
  const bad = [...keys].map(key => bench.prometheus.firstBadAt(key) ?? Date.now());
  const endsAt = Math.min(...bad) + DELAY_MS - SHOWN_LATE_MS;
  const quietFrom = Date.now();
  await sleep(Math.max(0, endsAt - quietFrom));
  const writes = bench.audit
    .since(0)
    .filter(
      request =>
        request.atMs > quietFrom &&
        request.atMs < endsAt &&
        isOperatorWrite(request) &&
        keys.has(memberKeyOf(request) ?? ''),
    );
  return { quietSeconds: Math.round(Math.max(0, endsAt - quietFrom) / 1000), quietWrites: writes.length };
}
