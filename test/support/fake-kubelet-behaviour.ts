/** How a fake pod behaves. The defaults are a good pod. */
export interface PodBehaviour {
  /** The image tag up to the first behaviour, for example `1.4.0` or `1.5.0-rc1`. */
  readonly version: string;
  /** Percentage of requests answered with 500. */
  readonly errorPercent: number;
  readonly latencyMs: number;
  /** Milliseconds of running until the container exits with 1, over and over; undefined is never. */
  readonly crashAfterMs: number | undefined;
  /** Milliseconds of running until ready; Infinity is never. */
  readonly readyAfterMs: number;
  /** The image cannot be pulled. */
  readonly pullFails: boolean;
}

type Change = (value: number) => Partial<PodBehaviour>;

/**
 * The words that an image tag (or the annotation `rig.sluice/behaviour`) may carry, separated by `-`:
 * ```
 * err25          25 % of the requests get a 500 (0 to 100), evenly spread
 * slow200        200 ms of latency
 * crash          the container exits at once, over and over
 * crashafter5s   the same after 5 s of running well (also 500ms)
 * slowstart3s    ready after 3 s of running (also 500ms)
 * neverready     runs and is never ready
 * pullfail       the image cannot be pulled
 * ```
 * `shop:1.4.0-err25-slow200` is version 1.4.0 with both. Other words belong to the version (`1.5.0-rc1`, `1.4-alpine`).
 */
const WORDS: Record<string, { readonly unit: 'none' | 'number' | 'time'; readonly change: Change }> = {
  err: { unit: 'number', change: errorPercent => ({ errorPercent }) },
  slow: { unit: 'number', change: latencyMs => ({ latencyMs }) },
  crash: { unit: 'none', change: () => ({ crashAfterMs: 0 }) },
  crashafter: { unit: 'time', change: crashAfterMs => ({ crashAfterMs }) },
  slowstart: { unit: 'time', change: readyAfterMs => ({ readyAfterMs }) },
  neverready: { unit: 'none', change: () => ({ readyAfterMs: Number.POSITIVE_INFINITY }) },
  pullfail: { unit: 'none', change: () => ({ pullFails: true }) },
};

const GOOD: Omit<PodBehaviour, 'version'> = {
  errorPercent: 0,
  latencyMs: 0,
  crashAfterMs: undefined,
  readyAfterMs: 0,
  pullFails: false,
};

/** Reads the behaviour from an image reference. A known word with a wrong value throws: a typo must not mean "good". */
export function behaviourOfImage(image: string): PodBehaviour {
  const withoutDigest = image.split('@')[0] ?? '';
  const lastPart = withoutDigest.slice(withoutDigest.lastIndexOf('/') + 1);
  const colon = lastPart.indexOf(':');
  return behaviourOfTag(colon === -1 ? 'latest' : lastPart.slice(colon + 1));
}

/** Reads the behaviour from a tag such as `1.4.0-err25-slow200`. */
export function behaviourOfTag(tag: string): PodBehaviour {
  const version: string[] = [];
  let behaviour = GOOD;
  for (const word of tag.split('-')) {
    const change = readWord(word);
    if (change === undefined) version.push(word);
    else behaviour = { ...behaviour, ...change };
  }
  return { ...behaviour, version: version.join('-') };
}

function readWord(word: string): Partial<PodBehaviour> | undefined {
  const match = /^([a-z]+)(?:(\d+)(ms|s)?)?$/.exec(word);
  const meaning = WORDS[match?.[1] ?? ''];
  if (match === null || meaning === undefined) return undefined;
  const [, name, digits, timeUnit] = match;
  const given = digits === undefined ? 'none' : timeUnit === undefined ? 'number' : 'time';
  const value = Number(digits ?? 0);
  if (given !== meaning.unit || (name === 'err' && value > 100)) throw new Error(`"${word}" is no valid pod behaviour`);
  return meaning.change(timeUnit === 's' ? value * 1000 : value);
}
