import { describe, expect, it } from 'vitest';
import { axisChart } from './svg/axis-chart.ts';
import { rangeChart } from './svg/range-chart.ts';
import { linearScale, logScale, niceStep } from './svg/scale.ts';
import { spreadLabels } from './svg/spread-labels.ts';
import { element, escapeText, label } from './svg/svg.ts';

describe('scales', () => {
  it('step in round numbers', () => {
    expect([niceStep(100, 5), niceStep(7, 5), niceStep(0.9, 5), niceStep(1234, 8)]).toEqual([20, 2, 0.2, 200]);
  });

  it('are linear from 0 to a round number above the greatest', () => {
    const scale = linearScale(93, [0, 100]);
    expect(scale.ticks).toEqual([0, 20, 40, 60, 80, 100]);
    expect([0, 50, 100].map(scale.at)).toEqual([0, 50, 100]);
  });

  it('end where the data ends when told so', () => {
    const scale = linearScale(93, [0, 93], { exact: true });
    expect(scale.at(93)).toBe(93);
    expect(Math.max(...scale.ticks)).toBeLessThanOrEqual(93);
  });

  it('do not break on a range of nothing', () => {
    expect(linearScale(0, [0, 10]).ticks.every(Number.isFinite)).toBe(true);
  });

  it('are logarithmic: equal factors are equal distances', () => {
    const scale = logScale(10, 1000, [0, 300]);
    expect(scale.at(100) - scale.at(10)).toBeCloseTo(scale.at(1000) - scale.at(100));
    expect(scale.ticks).toContain(100);
    expect(scale.at(0)).toBe(0);
  });

  it('label only powers of ten over many of them', () => {
    expect(logScale(1, 100_000, [0, 1]).ticks).toEqual([1, 10, 100, 1000, 10_000, 100_000]);
  });
});

describe('labels', () => {
  const at = (x: number, y: number) => ({ x, y, text: String(y), colour: '#000' });

  it('are moved apart where they would cover each other, in their order', () => {
    const [low, high] = spreadLabels([at(10, 100), at(12, 105)]);
    expect(low).toMatchObject({ text: '105', y: 105 });
    expect(high).toMatchObject({ text: '100', y: 91 });
  });

  it('stay where they are side by side', () => {
    const labels = [at(10, 100), at(60, 100)];
    expect(spreadLabels(labels)).toEqual(labels);
  });
});

describe('SVG', () => {
  it('escapes what would be markup', () => {
    expect(escapeText('a < b & "c"')).toBe('a &lt; b &amp; &quot;c&quot;');
    expect(label(1, 2, '<5 ms')).toContain('&lt;5 ms');
    expect(element('rect', { x: 1.23456, fill: undefined })).toBe('<rect x="1.2"/>');
  });

  const chart = axisChart({
    title: 'Memory & more',
    x: { name: 'Rollouts', log: true },
    y: { name: 'MB' },
    bands: [{ name: 'idle', from: 100, to: 5000 }],
    series: [
      {
        name: 'ours',
        colour: '#000',
        points: [
          [100, 80],
          [5000, 200],
        ],
        dots: true,
        labels: true,
      },
      { name: 'a peer', colour: '#f00', points: [[100, 95]], dots: true, dashed: true },
      { name: 'nothing', colour: '#0f0', points: [] },
    ],
  });

  it('draws a chart with axes, units, legend, and a mark for each point', () => {
    for (const text of ['Memory &amp; more', '>Rollouts<', '>MB<', '>ours<', '>a peer<', '>idle<', '>200<'])
      expect(chart).toContain(text);
    expect(chart.match(/<circle/g)).toHaveLength(3);
    expect(chart).not.toMatch(/NaN|undefined|Infinity/);
  });

  it('is well-formed: each element that is opened is closed', () => {
    const open: string[] = [];
    for (const [, slash, name, own] of chart.matchAll(/<(\/?)([a-z]+)[^>]*?(\/?)>/g)) {
      if (slash) expect(open.pop()).toBe(name);
      else if (!own && name) open.push(name);
    }
    expect(open).toEqual([]);
  });

  it('draws ranges with their figures', () => {
    const svg = rangeChart({
      title: 'Aborts',
      axis: 'time',
      text: value => `${value} ms`,
      groups: [
        {
          name: '10 of 100',
          ranges: [
            { name: 'ours', colour: '#000', p50: 40, p99: 90, max: 100 },
            { name: 'peer', colour: '#f00', p50: 370, max: 950 },
          ],
        },
      ],
    });
    expect(svg).toContain('40 ms / 90 ms / 100 ms');
    expect(svg).toContain('370 ms / 950 ms');
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
  });
});
