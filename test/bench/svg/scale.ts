/** Maps values to pixels, with the ticks to write beside them. */
export interface Scale {
  readonly at: (value: number) => number;
  readonly ticks: readonly number[];
}

/** The nearest number of 1, 2, 2.5 or 5 times a power of ten that cuts a range into about so many parts. */
export function niceStep(range: number, parts: number): number {
  const rough = range / Math.max(1, parts);
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 2.5, 5, 10].find(one => one * power >= rough * 0.999) ?? 10;
  return factor * power;
}

/** From 0 (or `from`) to a round number at or above `to`. */
export function linearScale(
  to: number,
  [first, last]: readonly [number, number],
  { from = 0, parts = 5, exact = false } = {},
): Scale {
  const range = to - from > 0 ? to - from : 1;
  const step = niceStep(range, parts);
  const end = exact ? from + range : from + Math.ceil(range / step - 1e-9) * step;
  const count = Math.floor((end - from) / step + 1e-9);
  const ticks = Array.from({ length: count + 1 }, (_, index) => from + index * step);
  return { at: value => first + ((value - from) / (end - from)) * (last - first), ticks };
}

/** From one power of ten, doubled or halved where that wastes less room, to another. Values at or below 0 are drawn at its beginning. */
export function logScale(from: number, to: number, [first, last]: readonly [number, number]): Scale {
  const low = Math.max(from, Number.MIN_VALUE);
  const marks = [1, 2, 5];
  const all: number[] = [];
  for (let power = Math.floor(Math.log10(low)) - 1; power <= Math.ceil(Math.log10(to)) + 1; power++)
    all.push(...marks.map(mark => mark * 10 ** power));
  const begin = all.findLast(mark => mark <= low * 1.0001) ?? low;
  const end = all.find(mark => mark >= to * 0.9999 && mark > begin) ?? to;
  const at = (value: number) => {
    const share = (Math.log(Math.max(value, begin)) - Math.log(begin)) / (Math.log(end) - Math.log(begin));
    return first + share * (last - first);
  };
  const within = all.filter(mark => mark >= begin * 0.9999 && mark <= end * 1.0001);
  const decades = Math.log10(end / begin);
  return { at, ticks: within.filter(mark => decades < 2.5 || /^0*\.?0*1/.test(String(mark).replace(/e.*/, ''))) };
}
