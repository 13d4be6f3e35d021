import { linearScale, logScale, type Scale } from './scale.ts';
import { type PlacedLabel, spreadLabels } from './spread-labels.ts';
import { COLOURS, element, label, picture } from './svg.ts';

/** One line or set of points. */
export interface Series {
  readonly name: string;
  readonly colour: string;
  readonly points: readonly (readonly [x: number, y: number])[];
  /** Points are drawn too, with their values where they are labelled. */
  readonly dots?: boolean;
  readonly labels?: boolean;
  readonly dashed?: boolean;
  readonly thin?: boolean;
  /** Fills what lies below the line. */
  readonly filled?: boolean;
  /** The value holds until the next one, as in a distribution. */
  readonly stepped?: boolean;
}

/** A stretch of the x axis with a name. */
export interface Band {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

/** A chart with two axes. */
export interface AxisChart {
  readonly title: string;
  readonly subtitle?: string;
  readonly x: { readonly name: string; readonly log?: boolean; readonly text?: (value: number) => string };
  readonly y: { readonly name: string; readonly max?: number; readonly text?: (value: number) => string };
  readonly series: readonly Series[];
  readonly bands?: readonly Band[];
}

const WIDTH = 960;
const HEIGHT = 480;
const PLOT = { left: 76, right: 936, top: 104, bottom: 420 } as const;

/** Draws it. */
export function axisChart(chart: AxisChart): string {
  const points = chart.series.flatMap(({ points: some }) => some);
  const xs = points.map(([x]) => x);
  const greatest = (values: readonly number[]) => values.reduce((a, b) => Math.max(a, b), 0);
  const least = xs.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  // A mark on the very edge would be cut in half, and its figure written over the axis.
  const inset = chart.series.some(({ dots }) => dots) ? 34 : 0;
  const across: readonly [number, number] = [PLOT.left + inset, PLOT.right - inset];
  const x = chart.x.log
    ? logScale(least, greatest(xs), across)
    : linearScale(greatest(xs), across, { parts: 8, exact: true });
  const y = linearScale(chart.y.max ?? greatest(points.map(([, value]) => value)), [PLOT.bottom, PLOT.top]);
  return picture(WIDTH, HEIGHT, chart.title, [
    label(24, 34, chart.title, { size: 18, weight: 600 }),
    ...(chart.subtitle === undefined ? [] : [label(24, 54, chart.subtitle, { fill: COLOURS.faint })]),
    ...legend(chart.series),
    ...(chart.bands ?? []).flatMap((band, index) => bandOf(band, index, x)),
    ...axes(chart, x, y),
    ...chart.series.flatMap(series => drawn(series, x, y)),
    ...spreadLabels(chart.series.flatMap(series => labelsOf(series, x, y, chart.y.text ?? String))).map(one =>
      label(one.x, one.y, one.text, { size: 12, weight: 600, fill: one.colour, halo: true }),
    ),
  ]);
}

function legend(series: readonly Series[]): string[] {
  let x = 24;
  return series.flatMap(({ name, colour, dashed }) => {
    const dash = dashed ? '5 4' : undefined;
    const stroke = { stroke: colour, 'stroke-width': 3, 'stroke-dasharray': dash };
    const key = element('line', { x1: x, x2: x + 22, y1: 75, y2: 75, ...stroke });
    const text = label(x + 28, 79, name);
    x += 28 + name.length * 7 + 26;
    return [key, text];
  });
}

function bandOf({ name, from, to }: Band, index: number, x: Scale): string[] {
  const left = x.at(from);
  const width = Math.max(1, x.at(to) - left);
  const fill = index % 2 === 0 ? COLOURS.band : '#ffffff';
  const box = element('rect', { x: left, y: PLOT.top, width, height: PLOT.bottom - PLOT.top, fill });
  // A name that does not fit is left out rather than written over its neighbour's.
  if (width < name.length * 6.2 + 4) return [box];
  return [box, label(left + width / 2, PLOT.top - 6, name, { size: 11, fill: COLOURS.faint, anchor: 'middle' })];
}

function axes({ x: xAxis, y: yAxis }: AxisChart, x: Scale, y: Scale): string[] {
  const { left, right, top, bottom } = PLOT;
  const rows = y.ticks.flatMap(tick => [
    element('line', { x1: left, x2: right, y1: y.at(tick), y2: y.at(tick), stroke: COLOURS.grid }),
    label(left - 8, y.at(tick) + 4, (yAxis.text ?? String)(tidy(tick)), {
      anchor: 'end',
      size: 12,
      fill: COLOURS.faint,
    }),
  ]);
  const columns = x.ticks.flatMap(tick => [
    element('line', { x1: x.at(tick), x2: x.at(tick), y1: bottom, y2: bottom + 5, stroke: COLOURS.faint }),
    label(x.at(tick), bottom + 20, (xAxis.text ?? String)(tidy(tick)), {
      anchor: 'middle',
      size: 12,
      fill: COLOURS.faint,
    }),
  ]);
  return [
    ...rows,
    ...columns,
    element('line', { x1: left, x2: right, y1: bottom, y2: bottom, stroke: COLOURS.faint }),
    label((left + right) / 2, bottom + 44, xAxis.name, { anchor: 'middle' }),
    label(20, (top + bottom) / 2, yAxis.name, { anchor: 'middle', rotate: -90 }),
  ];
}

/** Sums of tenths are not written with sixteen digits. */
const tidy = (value: number) => Number(value.toPrecision(6));

function drawn(series: Series, x: Scale, y: Scale): string[] {
  const places = series.points.map(([px, py]) => [x.at(px), y.at(py)] as const);
  const first = places[0];
  if (first === undefined) return [];
  const moves = places.map(([px, py], index) => {
    if (index === 0) return `M${px.toFixed(1)} ${py.toFixed(1)}`;
    return series.stepped ? `H${px.toFixed(1)}V${py.toFixed(1)}` : `L${px.toFixed(1)} ${py.toFixed(1)}`;
  });
  const path = moves.join('');
  const last = places.at(-1) ?? first;
  const base = y.at(0).toFixed(1);
  const area = `${path}L${last[0].toFixed(1)} ${base}L${first[0].toFixed(1)} ${base}Z`;
  const stroke = { stroke: series.colour, 'stroke-width': series.thin ? 1.5 : 2.5, 'stroke-linejoin': 'round' };
  return [
    ...(series.filled ? [element('path', { d: area, fill: series.colour, 'fill-opacity': 0.18 })] : []),
    element('path', { d: path, fill: 'none', ...stroke, 'stroke-dasharray': series.dashed ? '6 5' : undefined }),
    ...(series.dots ? places.map(([cx, cy]) => element('circle', { cx, cy, r: 4.5, fill: series.colour })) : []),
  ];
}

function labelsOf(series: Series, x: Scale, y: Scale, text: (value: number) => string): PlacedLabel[] {
  if (!series.labels) return [];
  return series.points.map(([px, py]) => ({ x: x.at(px) + 9, y: y.at(py) - 5, text: text(py), colour: series.colour }));
}
