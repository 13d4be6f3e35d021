/** What a pod does. The defaults are a good pod. */
export interface PodBehaviour {
  /** The image tag without the words below: `1.4.0`, `1.5.0-rc1`; `latest` without a tag. */
  readonly version: string;
  /** Percentage of requests answered with 500, 0 to 100. */
  readonly errorPercent: number;
  /** Added to every answer, in milliseconds. */
  readonly latencyMs: number;
  /** Milliseconds of running until the container exits with code 1; undefined: it runs for ever. */
  readonly crashAfterMs: number | undefined;
  /** Milliseconds of running until ready; Infinity: never. */
  readonly readyAfterMs: number;
  /** The image cannot be pulled. */
  readonly pullFails: boolean;
}

/** A behaviour, or why the tag cannot be one (a typo must not mean "good"). */
export type ImageBehaviour =
  | { readonly valid: true; readonly behaviour: PodBehaviour }
  | { readonly valid: false; readonly problem: string };

type Word = { readonly unit: 'none' | 'number' | 'time'; readonly change: (value: number) => Partial<PodBehaviour> };

/**
 * The words that an image tag may carry after its version, separated by `-`:
 * ```
 * err25          25 % of the requests get a 500 (0 to 100), evenly spread
 * slow200        200 ms of latency (also slow200ms, slow2s)
 * crash          the container exits at once, over and over
 * crashafter5s   the same after 5 s of running well (also 500ms)
 * slowstart3s    ready after 3 s of running (also 500ms)
 * neverready     runs and is never ready
 * pullfail       the image cannot be pulled
 * ```
 * `shop:1.4.0-err25-slow200` is version 1.4.0 with both. Any other word belongs to the version (`1.5.0-rc1`, `1.4-alpine`).
 */
const WORDS: Readonly<Record<string, Word>> = {
  err: { unit: 'number', change: errorPercent => ({ errorPercent }) },
  slow: { unit: 'number', change: latencyMs => ({ latencyMs }) },
  crash: { unit: 'none', change: () => ({ crashAfterMs: 0 }) },
  crashafter: { unit: 'time', change: crashAfterMs => ({ crashAfterMs }) },
  slowstart: { unit: 'time', change: readyAfterMs => ({ readyAfterMs }) },
  neverready: { unit: 'none', change: () => ({ readyAfterMs: Number.POSITIVE_INFINITY }) },
  pullfail: { unit: 'none', change: () => ({ pullFails: true }) },
};

const WORD = /^([a-z]+)(?:(\d+)(ms|s)?)?$/;
/** Anything longer could not be told from a mistake. */
const LONGEST_MS = 600_000;

/** Reads the behaviour from an image reference such as `registry:5000/shop/web:1.4.0-err25@sha256:...`. */
export function behaviourOfImage(image: string): ImageBehaviour {
  const withoutDigest = image.split('@')[0] ?? '';
  const lastPart = withoutDigest.slice(withoutDigest.lastIndexOf('/') + 1);
  const colon = lastPart.indexOf(':');
  const tag = colon === -1 ? 'latest' : lastPart.slice(colon + 1);
  if (lastPart === '' || colon === 0 || tag === '')
    return { valid: false, problem: `"${image}" is no image reference` };
  return behaviourOfTag(tag);
}

function behaviourOfTag(tag: string): ImageBehaviour {
  const version: string[] = [];
  let behaviour: PodBehaviour = {
    version: '',
    errorPercent: 0,
    latencyMs: 0,
    crashAfterMs: undefined,
    readyAfterMs: 0,
    pullFails: false,
  };
  for (const text of tag.split('-')) {
    const match = WORD.exec(text);
    const word = match?.[1] === undefined ? undefined : wordNamed(match[1]);
    if (!match || !word) {
      version.push(text);
      continue;
    }
    const value = readValue(word, match[1] ?? '', match[2], match[3]);
    if (value === undefined) return { valid: false, problem: `"${text}" in tag "${tag}" is no valid pod behaviour` };
    behaviour = { ...behaviour, ...word.change(value) };
  }
  return { valid: true, behaviour: { ...behaviour, version: version.join('-') } };
}

function wordNamed(name: string): Word | undefined {
  return Object.hasOwn(WORDS, name) ? WORDS[name] : undefined;
}

function readValue(word: Word, name: string, digits: string | undefined, unit: string | undefined): number | undefined {
  if (digits === undefined) return word.unit === 'none' ? 0 : undefined;
  if (word.unit === 'none' || (word.unit === 'time' && unit === undefined)) return undefined;
  if (name === 'err') return unit === undefined && Number(digits) <= 100 ? Number(digits) : undefined;
  const ms = Number(digits) * (unit === 's' ? 1000 : 1);
  return ms <= LONGEST_MS ? ms : undefined;
}
