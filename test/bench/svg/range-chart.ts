import { logScale } from './scale.ts';
import { COLOURS, element, label, picture } from './svg.ts';

/** One row: a middle, a worst case, and what lies between where it is known. */
export interface Range {
  readonly name: string;
  readonly colour: string;
  readonly p50: number;
  readonly p99?: number;
  readonly max: number;
}

/** Rows below a heading. */
export interface RangeGroup {
  readonly name: string;
  readonly ranges: readonly Range[];
}

/** Rows of ranges on one logarithmic axis. */
export interface RangeChart {
  readonly title: string;
  readonly subtitle?: string;
  readonly axis: string;
  readonly text: (value: number) => string;
  readonly groups: readonly RangeGroup[];
}

const WIDTH = 960;
const LEFT = 250;
const RIGHT = 850;
const TOP = 84;
const ROW = 28;
const HEADING = 30;

/** Draws it: a dot at p50, a stroke at p99, a bar to the greatest. */
export function rangeChart(chart: RangeChart): string {
  const all = chart.groups.flatMap(({ ranges }) => ranges);
  const scale = logScale(Math.min(...all.map(({ p50 }) => p50)), Math.max(...all.map(({ max }) => max)), [LEFT, RIGHT]);
  const bottom = TOP + chart.groups.length * HEADING + all.length * ROW + 8;
  const grid = scale.ticks.flatMap(tick => [
    element('line', { x1: scale.at(tick), x2: scale.at(tick), y1: TOP, y2: bottom, stroke: COLOURS.grid }),
    label(scale.at(tick), bottom + 20, chart.text(tick), { anchor: 'middle', size: 12, fill: COLOURS.faint }),
  ]);
  let y = TOP;
  const rows = chart.groups.flatMap(group => {
    y += HEADING;
    const heading = label(24, y - 8, group.name, { weight: 600, size: 13 });
    const lines = group.ranges.flatMap(range => {
      y += ROW;
      return rowOf(range, y - ROW / 2, scale.at, chart.text);
    });
    return [heading, ...lines];
  });
  return picture(WIDTH, bottom + 60, chart.title, [
    label(24, 34, chart.title, { size: 18, weight: 600 }),
    ...(chart.subtitle === undefined ? [] : [label(24, 54, chart.subtitle, { fill: COLOURS.faint })]),
    ...grid,
    ...rows,
    label((LEFT + RIGHT) / 2, bottom + 44, chart.axis, { anchor: 'middle' }),
  ]);
}

function rowOf(range: Range, y: number, at: (value: number) => number, text: (value: number) => string): string[] {
  const { name, colour, p50, p99, max } = range;
  const bar = { 'stroke-width': 6, 'stroke-linecap': 'round', 'stroke-opacity': 0.35 };
  const figures = [p50, ...(p99 === undefined ? [] : [p99]), max].map(text).join(' / ');
  return [
    label(40, y + 4, name),
    element('line', { x1: at(p50), x2: at(max), y1: y, y2: y, stroke: colour, ...bar }),
    ...(p99 === undefined
      ? []
      : [element('line', { x1: at(p99), x2: at(p99), y1: y - 8, y2: y + 8, stroke: colour, 'stroke-width': 2.5 })]),
    element('circle', { cx: at(p50), cy: y, r: 5.5, fill: colour }),
    label(at(max) + 12, y + 4, figures, { size: 12, fill: colour, weight: 600 }),
  ];
}
