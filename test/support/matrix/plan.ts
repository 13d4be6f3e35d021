import type { ProxiedRequest } from '../fault-proxy/proxied-request.ts';
import type { TracedEvent } from '../fault-proxy/trace.ts';

/**
 * How a plan makes things go wrong:
 * ```
 * before   the operator is killed before the write reaches the API server
 * applied  killed when the write is stored, before it is told
 * told     killed right after it was told
 * lost     the write is stored, its reply is lost; the operator lives
 * reset    the write is lost, the connection reset; the operator lives
 * hide     the operator never sees one state of an object, only the next one
 * stale    after a write, the operator is killed and starts on the lists of the moment before
 * travel   when all is done, the operator is killed and starts on the lists of a moment in the middle
 * ```
 */
export type Variant = 'before' | 'applied' | 'told' | 'lost' | 'reset' | 'hide' | 'stale' | 'travel';

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
  /** The write that it is about; for `hide` and `stale`: the write that follows the event. */
  readonly write: Point;
  /** Only for `hide` and `stale`: the event that is hidden, or the last one that the stale view knows. */
  readonly event?: Point;
  readonly what: string;
}

/** What a write is, whoever the pods and namespaces of this run are. */
export function likenessOfWrite({ verb, plural, subresource, name }: ProxiedRequest): string {
  return `${verb} ${plural}${subresource === undefined ? '' : `/${subresource}`} ${name ?? ''}`;
}

/** What an event is about. Slices have names that end at random. */
export function likenessOfEvent({ plural, object: { metadata } }: TracedEvent): string {
  const service = metadata.labels?.['kubernetes.io/service-name'];
  return `${plural} ${plural === 'endpointslices' ? `of ${service}` : metadata.name}`;
}
