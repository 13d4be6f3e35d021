import { setTimeout as sleep } from 'node:timers/promises';
import { fitLine, windowMinima } from '../measure/statistics.ts';
import type { Counts } from '../results.ts';
import type { Bench } from '../world/bench.ts';
import type { Member } from '../world/fleet.ts';
import { type Counted, otherWrites } from './other-writes.ts';

/** A wave of changes each so often; the pauses between let the operator collect its garbage. */
const WAVE_MS = 60_000;
/** What a wave takes until its canaries are promoted or aborted. */
const ENDED_MS = 45_000;
/** The waves take turns among so many groups: each member is changed often enough for its history to be full early. */
const GROUPS = 3;
/** Of the run; before, history fills up: ten revisions and ten runs of each Rollout are kept. */
const WARM_UP_SHARE = 0.3;
const WINDOW_MS = 300_000;
const BAD_SHARE = 0.2;
/** Fewer that reach their end mean that the operator does not do its work, and then its memory says nothing. */
const ENDED_SHARE = 0.95;
/** Before so many waves, a few that are late would count for too much. */
const TELLING_WAVES = 5;
/** After so many the history of each group is full: ten revisions and ten runs. */
const FULL_WAVES = 11 * GROUPS;

interface Tally {
  changed: number;
  /** Of those changed, to a bad version. */
  bad: number;
  promoted: number;
  aborted: number;
}

/**
 * Keeps a part of the fleet busy for hours, with good and bad versions, and looks whether memory grows.
 * @throws Error when canaries did not reach their end, or the operator did not live through it
 */
export async function runSoak(bench: Bench, soakMs: number, say: (text: string) => void): Promise<void> {
  const { operator } = bench;
  const begun = Date.now();
  const begunS = bench.timeline.now;
  const perWave = Math.max(2, Math.ceil(bench.size / 20));
  const tally: Tally = { changed: 0, bad: 0, promoted: 0, aborted: 0 };
  const good = new Map<number, Counted>();
  const written: Counts[] = [];
  for (let wave = 0; Date.now() - begun < soakMs; wave++) {
    const group = wave % GROUPS;
    const before = good.get(group);
    // All that its canaries left behind has been collected since.
    if (before && wave >= FULL_WAVES) written.push(otherWrites(bench, before));
    const members = bench.members.slice(group * perWave, (group + 1) * perWave);
    const bad = members.slice(0, badOf(members.length));
    const some = members.slice(bad.length);
    good.set(group, { members: some, mark: bench.audit.mark(), measured: bench.prometheus.answered() });
    const ended = await runWave(bench, members, bad);
    for (const figure of ['changed', 'bad', 'promoted', 'aborted'] as const) tally[figure] += ended[figure];
    if (wave % 10 === 0) say(`${JSON.stringify(tally)}, RSS ${operator.rssMb()} MB`);
    if (operator !== bench.operator || operator.ended()) throw new Error('the operator ended by itself');
    if (wave >= TELLING_WAVES) mustHaveEnded(tally);
    bench.cluster.check();
  }
  mustHaveEnded(tally);
  const { changed, promoted, aborted } = tally;
  const hours = (Date.now() - begun) / 3_600_000;
  const windowHours = Math.min(WINDOW_MS / 3_600_000, hours / 20);
  const points = bench.timeline.points.flatMap(({ t, rssMb }) =>
    t >= begunS && rssMb !== undefined ? [[(t - begunS) / 3600, rssMb] as const] : [],
  );
  // The last window is cut off where the run ended.
  const lows = windowMinima(points, windowHours).slice(0, -1);
  const warmHours = hours * WARM_UP_SHARE;
  const line = fitLine(lows.filter(([hour]) => hour >= warmHours));
  if (line === undefined) throw new Error('too short to see whether memory grows');
  const { slope: slopeMbPerHour, slopeError } = line;
  bench.result.soak = {
    ...{ hours, changed, promoted, aborted, slopeMbPerHour, slopeError, lows, warmHours },
    otherWrites: together(written),
    otherCanaries: written.length * (perWave - badOf(perWave)),
  };
}

/** Those of several waves of the same size. */
function together(waves: readonly Counts[]): Counts | undefined {
  if (waves.length === 0) return undefined;
  const mean = waves.reduce((sum, wave) => sum + wave.mean, 0) / waves.length;
  return { mean, max: Math.max(...waves.map(({ max }) => max)) };
}

const badOf = (members: number) => Math.ceil(members * BAD_SHARE);

function mustHaveEnded(tally: Tally): void {
  const { changed, bad, promoted, aborted } = tally;
  const asMeant = Math.min(promoted, changed - bad) + Math.min(aborted, bad);
  if (asMeant < ENDED_SHARE * changed) throw new Error(`canaries did not reach their end: ${JSON.stringify(tally)}`);
}

/** Changes some members, a few of them to a bad version, and takes those back that were aborted. */
async function runWave(bench: Bench, members: readonly Member[], bad: readonly Member[]): Promise<Tally> {
  const begun = Date.now();
  const image = bench.nextImage();
  bench.prometheus.turnBad(bad.map(({ key }) => key));
  await bench.change(members, image);
  await sleep(Math.max(0, begun + ENDED_MS - Date.now()));
  bench.prometheus.turnGood();
  const states = members.map(member => ({ member, state: bench.fleet.state(member.key) }));
  const aborted = states.filter(({ state }) => state?.phase === 'Aborted');
  const promoted = states.filter(({ state }) => state?.phase === 'Healthy' && state.stableImage === image);
  const stable = new Map(aborted.map(({ member, state }) => [member.key, state?.stableImage ?? image]));
  await bench.change(
    aborted.map(({ member }) => member),
    ({ key }) => stable.get(key) ?? image,
  );
  await sleep(Math.max(0, begun + WAVE_MS - Date.now()));
  return { changed: members.length, bad: bad.length, promoted: promoted.length, aborted: aborted.length };
}
