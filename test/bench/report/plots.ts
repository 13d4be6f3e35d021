import { fitLine } from '../measure/statistics.ts';
import type { SizeResult } from '../results.ts';
import { axisChart, type Band, type Series } from '../svg/axis-chart.ts';
import { type RangeGroup, rangeChart } from '../svg/range-chart.ts';
import { COLOURS } from '../svg/svg.ts';
import { shortNumber, shortTime } from './figures.ts';
import { PEER_ABORT, PEER_NAMES, PEERS, type Peer } from './peers.ts';
import { SCENARIOS } from './rows-behaviour.ts';
import { RSS_AIM_MB } from './rows-rest.ts';

/** A picture and the file name that it is stored under. */
export interface Plot {
  readonly file: string;
  readonly svg: string;
}

const SIZES_OF_PEERS = [100, 500] as const;
const BOTH: readonly Peer[] = ['argo', 'flagger'];

/** All plots that the results give; one without data is left out. */
export function plotsOf(results: readonly SizeResult[]): Plot[] {
  return [
    ...memoryOverSize(results),
    ...abortsBesidePeers(results),
    ...results.flatMap(result => [
      ...memoryOverTime(result),
      ...writesOverTime(result),
      ...inFlightOverTime(result),
      ...abortDistribution(result),
      ...memoryUnderLoad(result),
    ]),
  ];
}

function memoryOverSize(results: readonly SizeResult[]): Plot[] {
  const ours = results.flatMap(({ size, idle }) => (idle ? [[size, idle.rssMb] as const] : []));
  if (ours.length === 0) return [];
  const after = results.flatMap(({ size, rested }) => (rested ? [[size, rested.rssMb] as const] : []));
  const peer = (name: Peer): Series => ({
    name: PEER_NAMES[name],
    colour: COLOURS[name],
    points: SIZES_OF_PEERS.map(size => [size, PEERS.rssIdleMb[name][size]] as const),
    dots: true,
    labels: true,
  });
  const aim = Object.entries(RSS_AIM_MB).map(([size, mb]) => [Number(size), mb] as const);
  const greatest = Math.max(500, ...ours.map(([size]) => size));
  const svg = axisChart({
    title: 'Memory at rest',
    subtitle: 'Resident memory of the operator when nothing happens',
    x: { name: 'Rollouts, 2 pods each', log: true, text: shortNumber },
    y: { name: 'MB', text: shortNumber },
    series: [
      {
        name: 'aim',
        colour: COLOURS.faint,
        points: aim.filter(([size]) => size <= greatest),
        dashed: true,
        thin: true,
      },
      ...BOTH.map(peer),
      ...(after.length === 0
        ? []
        : [{ name: 'Sluice after all phases', colour: COLOURS.sluice2, points: after, dots: true }]),
      { name: 'Sluice', colour: COLOURS.sluice, points: ours, dots: true, labels: true },
    ],
  });
  return [{ file: 'memory-by-rollouts.svg', svg }];
}

function abortsBesidePeers(results: readonly SizeResult[]): Plot[] {
  const groups = results.flatMap(({ size, abort }): RangeGroup[] => {
    const served = abort?.tenth?.served;
    if (served === undefined) return [];
    const { p50, p99, max } = served;
    const peers = BOTH.flatMap(name => {
      const spread = PEER_ABORT[name][size as 100 | 500];
      return spread ? [{ name: PEER_NAMES[name], colour: COLOURS[name], ...spread }] : [];
    });
    const ours = { name: 'Sluice', colour: COLOURS.sluice, p50, p99, max };
    return [{ name: `${abort?.tenth?.aborted} bad canaries at once of ${size}`, ranges: [ours, ...peers] }];
  });
  if (groups.length === 0) return [];
  const svg = rangeChart({
    title: 'How long a bad version keeps its traffic',
    subtitle: 'Bad sample served → route at 0 %. Dot: p50, stroke: p99, end of the bar: max',
    axis: 'time, logarithmic',
    text: shortTime,
    groups,
  });
  return [{ file: 'abort-beside-peers.svg', svg }];
}

function memoryOverTime(result: SizeResult): Plot[] {
  const points = result.timeline.flatMap(({ t, rssMb }) => (rssMb === undefined ? [] : [[t / 60, rssMb] as const]));
  if (points.length === 0) return [];
  const svg = axisChart({
    title: `Memory of the operator through the phases, ${result.size} Rollouts`,
    x: TIME,
    y: { name: 'RSS, MB', text: shortNumber },
    bands: bandsOf(result),
    series: [{ name: 'RSS', colour: COLOURS.sluice, points: thinned(points), filled: true, thin: true }],
  });
  return [{ file: `memory-over-time-${result.size}.svg`, svg }];
}

function writesOverTime(result: SizeResult): Plot[] {
  if (result.writesPerSecond.length === 0) return [];
  const points = (rate: readonly number[]) => thinned(rate.map((count, second) => [second / 60, count] as const));
  const svg = axisChart({
    title: `Writes of the operator through the phases, ${result.size} Rollouts`,
    x: TIME,
    y: { name: 'writes per second', text: shortNumber },
    bands: bandsOf(result),
    series: [
      {
        name: 'objects and status',
        colour: COLOURS.sluice,
        points: points(result.writesPerSecond),
        filled: true,
        thin: true,
      },
      { name: 'events', colour: COLOURS.argo, points: points(result.eventsPerSecond), thin: true },
    ],
  });
  return [{ file: `writes-over-time-${result.size}.svg`, svg }];
}

function inFlightOverTime(result: SizeResult): Plot[] {
  const points = result.timeline.map(({ t, inFlight }) => [t / 60, inFlight] as const);
  if (points.every(([, count]) => count === 0)) return [];
  const svg = axisChart({
    title: `Rollouts in flight through the phases, ${result.size} Rollouts`,
    x: TIME,
    y: { name: 'neither at rest nor aborted', text: shortNumber },
    bands: bandsOf(result),
    series: [{ name: 'in flight', colour: COLOURS.sluice2, points: thinned(points), filled: true, thin: true }],
  });
  return [{ file: `in-flight-${result.size}.svg`, svg }];
}

function abortDistribution(result: SizeResult): Plot[] {
  const colours = { single: COLOURS.sluice, tenth: COLOURS.sluice2, inFlight: COLOURS.sluice4, rest: COLOURS.argo };
  const series = (['single', 'tenth', 'inFlight', 'rest'] as const).flatMap((scenario): Series[] => {
    const { title: name, of } = SCENARIOS[scenario];
    const colour = colours[scenario];
    const spread = of(result)?.stored;
    if (spread === undefined) return [];
    const { values } = spread;
    const points = values.map((value, index) => [value, ((index + 1) / values.length) * 100] as const);
    return [{ name: `${name} (${values.length})`, colour, points: [[values[0] ?? 1, 0], ...points], stepped: true }];
  });
  if (series.length === 0) return [];
  const svg = axisChart({
    title: `Failing sample stored → route at 0 %, ${result.size} Rollouts`,
    subtitle: 'Share of the canaries that had lost their traffic after so long',
    x: { name: 'time, logarithmic', log: true, text: shortTime },
    y: { name: 'canaries, %', max: 100, text: shortNumber },
    series,
  });
  return [{ file: `abort-${result.size}.svg`, svg }];
}

function memoryUnderLoad({ size, soak }: SizeResult): Plot[] {
  if (soak === undefined) return [];
  const { lows, warmHours, slopeMbPerHour, slopeError } = soak;
  const warm = lows.filter(([hour]) => hour >= warmHours);
  const line = fitLine(warm);
  const ends = [warm[0]?.[0] ?? 0, warm.at(-1)?.[0] ?? 0];
  const svg = axisChart({
    title: `Memory of the operator under load, ${size} Rollouts`,
    subtitle: `The lowest of each stretch, and a line through those after the warm-up: ${shortNumber(slopeMbPerHour)} ± ${shortNumber(slopeError)} MB/h`,
    x: { name: 'time, hours', text: shortNumber },
    y: { name: 'RSS, MB', text: shortNumber },
    series: [
      { name: 'RSS', colour: COLOURS.sluice, points: lows, dots: true },
      {
        name: 'slope',
        colour: COLOURS.argo,
        points: line ? ends.map(hour => [hour, line.intercept + line.slope * hour] as const) : [],
        dashed: true,
      },
    ],
  });
  return [{ file: `memory-under-load-${size}.svg`, svg }];
}

const TIME = { name: 'time, minutes', text: shortNumber };

const bandsOf = (result: SizeResult): Band[] =>
  result.marks.map(({ name, fromS, toS }) => ({ name, from: fromS / 60, to: toS / 60 }));

const MOST_POINTS = 900;

/** Keeps the greatest of each stretch when there are more points than pixels: a peak must not vanish. */
function thinned(points: readonly (readonly [number, number])[]): readonly (readonly [number, number])[] {
  if (points.length <= MOST_POINTS) return points;
  const width = Math.ceil(points.length / MOST_POINTS);
  const stretches = Array.from({ length: Math.ceil(points.length / width) }, (_, index) =>
    points.slice(index * width, (index + 1) * width),
  );
  return stretches.map(stretch => stretch.reduce((a, b) => (b[1] > a[1] ? b : a)));
}
