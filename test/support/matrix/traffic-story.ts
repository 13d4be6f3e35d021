import type { Trace, TraceEntry } from '../fault-proxy/trace.ts';
import type { Change } from './cluster-history.ts';
import { ShopFront } from './shop-front.ts';

/** A share of the canary and how long it lasted; milliseconds. */
export interface Dwell {
  readonly weight: number;
  /** It lasted no longer than this, however late anybody heard of it. */
  readonly mostMs: number;
  /** It lasted no shorter than this. */
  readonly leastMs: number;
}

/** What users got while a story was told. */
export interface Traffic {
  /**
   * The canary's weights in the order in which they were set; of blue-green 100 while its Service is not where it was first. One that
   * is lowered after the Rollout is deleted is none: its pods leave, and who sees that first sends users home.
   */
  readonly dwells: readonly Dwell[];
  /**
   * Moments in which a backend with weight, or the active Service, had nobody who was ready; after the Rollout is deleted those in
   * which the weights were no longer the whole. And those in which more was sent to what was found bad already.
   */
  readonly voids: readonly string[];
}

/** A weight, and between which moments it was stored; milliseconds of `performance.now()`. */
interface Mark {
  readonly weight: number;
  readonly earliest: number;
  readonly latest: number;
}

/**
 * Replays the history of a namespace in the order in which the API server stored it. What the operator wrote, by its trace,
 * was stored between its request and the answer; of anything else only the moment is known in which the test heard of it.
 */
export function trafficOf(changes: readonly Change[], trace?: Trace): Traffic {
  const front = new ShopFront();
  const marks: Mark[] = [];
  const voids: string[] = [];
  let last: number | undefined;
  const writes = new Map((trace?.entries ?? []).flatMap(entry => keyed(entry)));
  for (const change of changes) {
    if (!front.note(change)) continue;
    const { weight } = front;
    const isSentHome = front.isOver && weight < (last ?? 0);
    if (weight !== last && !isSentHome) marks.push({ weight, ...storedBetween(change, writes) });
    // What others do to a route is theirs.
    const isOurs = trace === undefined || writes.has(`${change.plural} ${change.version}`);
    if (isOurs && front.isCondemned && weight > (last ?? 0))
      voids.push(`weight ${weight} after ${last ?? 0}, its failure being stored, at version ${change.version}`);
    last = weight;
    voids.push(...front.voids().map(line => `${line} at version ${change.version}`));
  }
  const ended = changes.at(-1)?.at ?? 0;
  const dwells = marks.map(({ weight, earliest, latest }, index) => {
    const next = marks[index + 1] ?? { earliest: ended, latest: ended };
    return { weight, mostMs: Math.round(next.latest - earliest), leastMs: Math.round(next.earliest - latest) };
  });
  return { dwells, voids };
}

/**
 * The canary's weight over time, percent times milliseconds: at least so much reached users. The last weight is left out: it
 * is part of the end state, and lasts for ever.
 */
export function exposureOf({ dwells }: Pick<Traffic, 'dwells'>): number {
  return dwells.slice(0, -1).reduce((sum, { weight, leastMs }) => sum + weight * Math.max(0, leastMs), 0);
}

/**
 * The same without the moments in which a weight was lowered and put back, or the next one given instead, or less still: they
 * count for the higher weight.
 */
export function withoutDips(dwells: readonly Dwell[]): { readonly dwells: readonly Dwell[]; readonly dips: number } {
  const at = dwells.findIndex(({ weight }, index) => {
    const [lower = weight, next = lower] = dwells.slice(index + 1, index + 3).map(after => after.weight);
    return lower < weight && (next >= weight || next < lower);
  });
  if (at < 0) return { dwells, dips: 0 };
  const isBack = dwells[at + 2]?.weight === dwells[at]?.weight;
  const parts = dwells.slice(at, isBack ? at + 3 : at + 2);
  const sum = (of: 'mostMs' | 'leastMs') => parts.reduce((total, part) => total + part[of], 0);
  const whole = { weight: dwells[at]?.weight ?? 0, mostMs: sum('mostMs'), leastMs: sum('leastMs') };
  const rest = withoutDips([...dwells.slice(0, at), whole, ...dwells.slice(at + parts.length)]);
  return { dwells: rest.dwells, dips: rest.dips + 1 };
}

function keyed(entry: TraceEntry): [string, TraceEntry][] {
  const { request, resourceVersion, changed } = entry;
  return changed === true && resourceVersion !== undefined ? [[`${request.plural} ${resourceVersion}`, entry]] : [];
}

function storedBetween({ plural, version, at }: Change, writes: ReadonlyMap<string, TraceEntry>): Omit<Mark, 'weight'> {
  const write = writes.get(`${plural} ${version}`);
  return { earliest: Math.min(at, write?.request.at ?? at), latest: Math.min(at, write?.answeredAt ?? at) };
}
