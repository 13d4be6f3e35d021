import { setTimeout as sleep } from 'node:timers/promises';
import { fitLine, windowMinima } from '../measure/statistics.ts';
import type { Bench } from '../world/bench.ts';

/** A wave of changes each so often; the pauses between let the operator collect its garbage. */
const WAVE_MS = 60_000;
/** Of the run; before that memory still grows to what it needs. */
const WARM_UP_SHARE = 0.2;
const WINDOW_S = 300;
const BAD_SHARE = 0.2;

/** Keeps the fleet busy for hours, with good and bad versions, and looks whether memory grows. */
export async function runSoak(bench: Bench, soakMs: number, say: (text: string) => void): Promise<void> {
  await bench.restore();
  const begunS = bench.timeline.now;
  const ends = Date.now() + soakMs;
  const perWave = Math.max(2, Math.ceil(bench.size / 20));
  const tally = { canaries: 0, aborts: 0 };
  for (let wave = 0; Date.now() < ends; wave++) {
    const begun = Date.now();
    const from = (wave * perWave) % Math.max(1, bench.size - perWave);
    const members = bench.members.slice(from, from + perWave);
    const bad = members.slice(0, Math.ceil(perWave * BAD_SHARE)).map(({ key }) => key);
    bench.prometheus.turnBad(bad);
    await bench.change(members, bench.nextImage());
    await sleep(Math.min(WAVE_MS * 0.75, Math.max(0, ends - Date.now())));
    bench.prometheus.turnGood();
    const aborted = members.filter(({ key }) => bench.fleet.state(key)?.phase === 'Aborted');
    await bench.change(aborted, ({ key }) => bench.fleet.state(key)?.stableImage ?? 'app:1.0.0');
    tally.canaries += members.length;
    tally.aborts += aborted.length;
    if (wave % 10 === 0) say(`${tally.canaries} canaries, ${tally.aborts} aborted, RSS ${bench.rssMb()} MB`);
    await sleep(Math.min(Math.max(0, begun + WAVE_MS - Date.now()), Math.max(0, ends - Date.now())));
  }
  const warm = begunS + (soakMs / 1000) * WARM_UP_SHARE;
  const points = bench.timeline.points.flatMap(({ t, rssMb }) =>
    t >= warm && rssMb !== undefined ? [[t, rssMb] as const] : [],
  );
  const lows = windowMinima(points, Math.min(WINDOW_S, soakMs / 20_000));
  bench.result.soak = {
    hours: soakMs / 3_600_000,
    ...tally,
    slopeMbPerHour: (fitLine(lows)?.slope ?? Number.NaN) * 3600,
    firstMb: lows[0]?.[1] ?? Number.NaN,
    lastMb: lows.at(-1)?.[1] ?? Number.NaN,
  };
}
