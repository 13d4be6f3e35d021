import type { TracedEvent } from '../fault-proxy/trace.ts';
import { likenessOfEvent, likenessOfWrite, type Plan, type Point, type Variant } from './plan.ts';
import type { Outcome } from './run-plan.ts';

/** Something that happened in a fault-free run, by what it looks like. */
interface Happened extends Point {
  /** When the operator asked for it, or was told of it; milliseconds of `performance.now()`. */
  readonly at: number;
}

const WRITE_VARIANTS: readonly Variant[] = ['before', 'applied', 'told', 'lost', 'reset'];

/** Writes of a run that changed something, in order. */
export function writesOf(run: Outcome): Happened[] {
  const writes = run.trace.effectiveWrites().filter(({ request }) => request.index >= run.from.request);
  return numbered(writes.map(({ request }) => ({ like: likenessOfWrite(request), at: request.at })));
}

/** Every way of breaking every single write that all fault-free runs have. */
export function writePlans(workload: string, references: readonly Outcome[]): Plan[] {
  const [first, ...others] = references.map(writesOf);
  const common = (first ?? []).filter(point => others.every(run => run.some(other => isSame(point, other))));
  return WRITE_VARIANTS.flatMap(variant =>
    common.map((write, index) => {
      const what = `write ${index + 1} of ${common.length}: ${write.like} #${write.nth}`;
      return { id: `${workload}:${variant}:${index + 1}`, variant, write: pointOf(write), what };
    }),
  );
}

/**
 * Plans about what an operator knows, for pairs of an event and the write that follows it. Events that tell what the
 * operator itself was told in an answer already, or of which nothing follows, cannot matter.
 */
export function knowledgePlans(workload: string, references: readonly Outcome[]): Plan[] {
  const [reference, ...others] = references;
  if (!reference) return [];
  const writes = writesOf(reference);
  const otherEvents = others.map(eventsOf);
  const pairs = eventsOf(reference).flatMap(({ event, point }) => {
    const write = writes.find(({ at }) => at > event.at);
    const isCommon = otherEvents.every(run => run.some(other => isSame(point, other.point)));
    return write && isCommon && isNews(event) ? [{ event, point, write }] : [];
  });
  const later = (event: TracedEvent) =>
    reference.trace.events.some(
      other =>
        other.index > event.index && likenessOfEvent(other) === likenessOfEvent(event) && other.type !== 'DELETED',
    );
  const hidden = pairs.filter(({ event }) => event.type !== 'DELETED' && later(event));
  // Views between the same two writes differ in nothing that was decided on meanwhile: the last one stands for all.
  const views = pairs.filter(({ write }, index) => pairs[index + 1]?.write !== write);
  const plans = (variant: Variant, chosen: typeof pairs) =>
    chosen.map(({ event, point, write }, index) => ({
      id: `${workload}:${variant}:${index + 1}`,
      variant,
      write: pointOf(write),
      event: pointOf(point),
      what: `${event.type} ${point.like} #${point.nth}, before ${write.like} #${write.nth}`,
    }));
  return [...plans('hide', hidden), ...plans('stale', views), ...plans('travel', views)];
}

function eventsOf(run: Outcome): { event: TracedEvent; point: Happened }[] {
  const events = run.trace.events.filter(({ index }) => index >= run.from.event);
  const points = numbered(events.map(event => ({ like: likenessOfEvent(event), at: event.at })));
  return events.flatMap((event, index) => {
    const point = points[index];
    return point ? [{ event, point }] : [];
  });
}

/** Whether the operator learns something: not what an answer to its own write has told it, and not what did not change. */
function isNews({ type, echo, before, object }: TracedEvent): boolean {
  if (type !== 'MODIFIED') return true;
  return !echo && before?.metadata.resourceVersion !== object.metadata.resourceVersion;
}

function numbered(all: readonly { like: string; at: number }[]): Happened[] {
  const counts = new Map<string, number>();
  return all.map(({ like, at }) => {
    const nth = (counts.get(like) ?? 0) + 1;
    counts.set(like, nth);
    return { like, at, nth };
  });
}

const isSame = (a: Point, b: Point) => a.like === b.like && a.nth === b.nth;
const pointOf = ({ like, nth }: Point): Point => ({ like, nth });
