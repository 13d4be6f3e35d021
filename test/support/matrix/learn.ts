import type { Trace, TracedEvent } from '../fault-proxy/trace.ts';
import type { Outcome } from './outcome.ts';
import {
  kindOfWrite,
  likenessOfEvent,
  likenessOfWrite,
  type Plan,
  type Point,
  type Variant,
  type WriteVariant,
} from './plan.ts';

/** Something that happened in a fault-free run, by what it looks like. */
interface Happened extends Point {
  /** When the operator asked for it, or was told of it; milliseconds of `performance.now()`. */
  readonly at: number;
  /** Of a write, without the object's name. */
  readonly kind: string;
}

const WRITE_VARIANTS: readonly WriteVariant[] = ['before', 'applied', 'told', 'lost', 'reset'];
/** Beside `lost`, which every write goes through, these are about the client alone: two writes of each kind stand for all. */
const CLIENT_VARIANTS: readonly WriteVariant[] = ['silent', 'truncate'];

/** What is asked for so soon after an answer belongs to the same pass; milliseconds. */
const SAME_PASS_MS = 50;
const NOT_OF_A_PASS: readonly string[] = ['watch', 'list', 'discover'];

/** Writes of a run that changed something, in order. */
export function writesOf(run: Outcome): Happened[] {
  const writes = run.trace.effectiveWrites().filter(({ request }) => request.index >= run.from.request);
  return numbered(
    writes.map(({ request }) => ({ like: likenessOfWrite(request), kind: kindOfWrite(request), at: request.at })),
  );
}

/** Those of the first run that all others have. */
function commonWrites(references: readonly Outcome[]): Happened[] {
  const [first, ...others] = references.map(writesOf);
  return (first ?? []).filter(point => others.every(run => run.some(other => isSame(point, other))));
}

/** Writes that one fault-free run has and another one has not: no plan is about them. */
export function unsharedWrites(references: readonly Outcome[]): Point[] {
  const runs = references.map(writesOf);
  return runs.flatMap(run => run.filter(point => runs.some(other => !other.some(one => isSame(point, one)))));
}

/** Every way of breaking every single write that all fault-free runs have. */
export function writePlans(workload: string, references: readonly Outcome[]): Plan[] {
  const common = commonWrites(references);
  const isEnd = ({ kind }: Happened, index: number) =>
    !common.slice(0, index).some(other => other.kind === kind) ||
    !common.slice(index + 1).some(other => other.kind === kind);
  const plans = (variant: WriteVariant, chosen: readonly Happened[]) =>
    chosen.map(write => {
      const index = common.indexOf(write) + 1;
      const what = `write ${index} of ${common.length}: ${write.like} #${write.nth}`;
      return { id: `${workload}:${variant}:${index}`, variant, write: pointOf(write), what };
    });
  return [
    ...WRITE_VARIANTS.flatMap(variant => plans(variant, common)),
    ...CLIENT_VARIANTS.flatMap(variant => plans(variant, common.filter(isEnd))),
  ];
}

/**
 * Plans about what an operator knows. A pair is a write and the last news that the operator had when it began the pass in
 * which it wrote. What tells it nothing is no news: what the answer to its own write has told it already.
 */
export function knowledgePlans(workload: string, references: readonly Outcome[]): Plan[] {
  const [reference, ...others] = references;
  if (!reference) return [];
  const [writes, otherEvents] = [writesOf(reference), others.map(eventsOf)];
  const isCommon = (point: Point) => otherEvents.every(run => run.some(other => isSame(point, other.point)));
  const news = eventsOf(reference).filter(({ event, point }) => isNews(reference.trace, event) && isCommon(point));
  const known = commonWrites(references).flatMap(write => {
    const began = passOf(reference, write);
    const last = news.findLast(({ event }) => event.at < began);
    return last ? [{ ...last, write, isUnsure: false }] : [];
  });
  const followed = news.flatMap(one => {
    const write = writes.find(({ at }) => at > one.event.at);
    const how = replaced(reference, one.event);
    return write && how !== 'never' ? [{ ...one, write, isUnsure: how === 'perhaps' }] : [];
  });
  const views = known.filter(({ event }, index) => known[index + 1]?.event !== event);
  /** Counted from the event on: which of those that look alike it is. */
  const since = ({ event, write: { like, at } }: (typeof known)[number]): Point => {
    const nth = writes.filter(other => other.like === like && other.at > event.at && other.at <= at).length;
    return { like, nth };
  };
  const plans = (variant: Variant, pairs: typeof known) =>
    pairs.map((pair, index) => ({
      id: `${workload}:${variant}:${index + 1}`,
      variant,
      write: since(pair),
      event: pointOf(pair.point),
      isUnsure: pair.isUnsure,
      what: `${pair.event.type} ${pair.point.like} #${pair.point.nth}, before ${pair.write.like} #${pair.write.nth}`,
    }));
  return [...plans('hide', followed), ...plans('stale', known), ...plans('travel', views)];
}

/** When the pass began in which a write was asked for. It asks for one thing right after the answer to another, for its status last. */
function passOf({ trace }: Outcome, write: Happened): number {
  let began = write.at;
  for (const { request, answeredAt = Number.POSITIVE_INFINITY } of trace.entries.toReversed()) {
    if (NOT_OF_A_PASS.includes(request.verb) || request.plural === 'events' || answeredAt >= began) continue;
    if (began - answeredAt > SAME_PASS_MS || kindOfWrite(request) === 'patch rollouts/status') break;
    began = request.at;
  }
  return began;
}

/**
 * Whether a later state of the object takes the place of this one, should it be held back. Nobody knows when that state is the
 * operator's own doing, a deletion, or the state of a Service's endpoints after the operator has written anything: it may wait
 * for this one to be told.
 */
function replaced({ trace }: Outcome, event: TracedEvent): 'surely' | 'perhaps' | 'never' {
  const next = trace.events.find(
    other => other.index > event.index && likenessOfEvent(other) === likenessOfEvent(event),
  );
  const isLast = !next || (next.type === 'DELETED' && event.type === 'ADDED');
  if (isLast || event.type === 'DELETED') return 'never';
  const moves = trace.effectiveWrites().some(({ request: { at } }) => at > event.at && at < next.at);
  const mayWait = isOwn(trace, next) || next.type === 'DELETED' || (event.plural === 'endpointslices' && moves);
  return mayWait ? 'perhaps' : 'surely';
}

/** Whether the operator itself wrote the state that an event tells. */
function isOwn(trace: Trace, { plural, object }: TracedEvent): boolean {
  const { resourceVersion } = object.metadata;
  return trace.entries.some(
    ({ request, changed, resourceVersion: written }) =>
      changed === true && request.plural === plural && written === resourceVersion,
  );
}

function eventsOf(run: Outcome): { event: TracedEvent; point: Happened }[] {
  const events = run.trace.events.filter(({ index }) => index >= run.from.event);
  const points = numbered(events.map(event => ({ like: likenessOfEvent(event), kind: event.type, at: event.at })));
  return events.flatMap((event, index) => {
    const point = points[index];
    return point ? [{ event, point }] : [];
  });
}

/** Whether the operator learns something: not what an answer to its own write has told it, and not what did not change. */
function isNews(trace: Trace, event: TracedEvent): boolean {
  if (event.type !== 'MODIFIED') return true;
  return !isOwn(trace, event) && event.before?.metadata.resourceVersion !== event.object.metadata.resourceVersion;
}

function numbered(all: readonly Omit<Happened, 'nth'>[]): Happened[] {
  const counts = new Map<string, number>();
  return all.map(one => {
    const nth = (counts.get(one.like) ?? 0) + 1;
    counts.set(one.like, nth);
    return { ...one, nth };
  });
}

const isSame = (a: Point, b: Point) => a.like === b.like && a.nth === b.nth;
const pointOf = ({ like, nth }: Point): Point => ({ like, nth });
