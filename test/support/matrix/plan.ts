import type { ProxiedRequest } from '../fault-proxy/proxied-request.ts';
import type { TracedEvent } from '../fault-proxy/trace.ts';

/**
 * How a plan makes things go wrong:
 * ```
 * before    the operator is killed before the write reaches the API server
 * applied   killed when the write is stored, before it is told
 * told      killed right after it was told
 * lost      the write is stored, its reply is lost; the operator lives
 * reset     the write is lost, the connection reset; the operator lives
 * silent    the write is stored and never answered, until the operator gives up; it lives
 * truncate  the write is stored, half of its reply arrives; the operator lives
 * hide      the operator never sees one state of an object, only the next one; it lives
 * stale     after a write, the operator is killed and starts on the lists of the moment before
 * travel    when all is done, the operator is killed and starts on the lists of a moment in the middle
 * ```
 */
export type Variant = WriteVariant | 'hide' | 'stale' | 'travel';

/** Those that are about a write alone. */
export type WriteVariant = 'before' | 'applied' | 'told' | 'lost' | 'reset' | 'silent' | 'truncate';

/** The n-th of the things that look alike; the n counts from 1. */
export interface Point {
  readonly like: string;
  readonly nth: number;
}

/** One run under one fault. */
export interface Plan {
  /** Such as `promote:applied:7`. */
  readonly id: string;
  readonly variant: Variant;
  /** The write that it is about; for `hide`: one that follows the event. For `stale` counted from the event on. */
  readonly write: Point;
  /** Only for `hide`, `stale` and `travel`: the event that is hidden, or the last one that the stale view knows. */
  readonly event?: Point;
  /** Whether it may well come to nothing: it is tried all the same. */
  readonly isUnsure?: boolean;
  readonly what: string;
}

/** What a write is, whoever the pods and namespaces of this run are. */
export function likenessOfWrite(request: ProxiedRequest): string {
  return `${kindOfWrite(request)} ${request.name ?? ''}`;
}

/** What a write does to which kind of object: `patch rollouts/status`. */
export function kindOfWrite({ verb, plural, subresource }: ProxiedRequest): string {
  return `${verb} ${plural}${subresource === undefined ? '' : `/${subresource}`}`;
}

/** The kind of a write by its likeness: names of objects have no spaces. */
export function kindOfLikeness(like: string): string {
  return like.slice(0, like.lastIndexOf(' '));
}

/** What an event is about. Slices have names that end at random. */
export function likenessOfEvent({ plural, object: { metadata } }: TracedEvent): string {
  const service = metadata.labels?.['kubernetes.io/service-name'];
  return `${plural} ${plural === 'endpointslices' ? `of ${service}` : metadata.name}`;
}
