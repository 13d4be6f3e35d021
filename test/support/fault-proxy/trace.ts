import type { KubeObject } from '../control-plane/api-client.ts';
import { isCountedWrite, isWrite, type ProxiedRequest } from './proxied-request.ts';

/** A request and what became of it. */
export interface TraceEntry {
  readonly request: ProxiedRequest;
  /** The fault that was played on it. */
  fault?: string;
  /** Whether the API server was asked. */
  relayed: boolean;
  /** Status that the API server answered; undefined when it was not asked, or has not answered. */
  status?: number;
  /** Status that the operator was told; undefined when it was told nothing. */
  told?: number;
  /** `metadata.resourceVersion` of the API server's answer. */
  resourceVersion?: string;
  /** Whether a write changed what is stored: its answer carries another resourceVersion than was known before. */
  changed?: boolean;
  /** When the API server had answered, milliseconds of `performance.now()`. */
  answeredAt?: number;
  /** When the operator turned away from a request that it was told nothing about, milliseconds of `performance.now()`. */
  abandonedAt?: number;
}

/** One event of a watch, as the API server sent it. */
export interface TracedEvent {
  /** Position among all events of the proxy, from 0. */
  readonly index: number;
  /** Milliseconds of `performance.now()`. */
  readonly at: number;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly plural: string;
  readonly object: KubeObject;
  /** The same object before, as far as the proxy has seen it. */
  readonly before: KubeObject | undefined;
  /** Whether an answer to a write of the operator carried this very state already. */
  readonly echo: boolean;
  /** What the operator was told: `relayed` at once, `hidden` for good, `late`. */
  fate: 'relayed' | 'hidden' | 'late';
}

/** Everything that went through the proxy, in order. */
export class Trace {
  readonly entries: TraceEntry[] = [];
  readonly events: TracedEvent[] = [];
  readonly #known = new Map<string, KubeObject>();
  readonly #written = new Set<string>();

  open(request: ProxiedRequest): TraceEntry {
    const entry: TraceEntry = { request, relayed: false };
    this.entries.push(entry);
    return entry;
  }

  /** Notes the API server's answer to a request. `knownBefore` is {@link Trace.knownVersion} from before it was asked. */
  answered(entry: TraceEntry, status: number, body: unknown, knownBefore: string | undefined): void {
    entry.status = status;
    entry.answeredAt = performance.now();
    const object = body as KubeObject | undefined;
    const version = object?.metadata?.resourceVersion;
    if (version !== undefined) entry.resourceVersion = version;
    if (!isWrite(entry.request)) return;
    entry.changed = status < 300 && (entry.request.verb === 'delete' || version !== knownBefore);
    if (status >= 300 || version === undefined || object?.metadata.name === undefined) return;
    this.#written.add(`${entry.request.plural} ${version}`);
    this.note(entry.request.plural, object);
  }

  /** Notes an object that a list, a watch or an answer showed. */
  note(plural: string, object: KubeObject): void {
    this.#known.set(keyOf(plural, object.metadata.namespace, object.metadata.name), object);
  }

  event(type: TracedEvent['type'], plural: string, object: KubeObject): TracedEvent {
    const before = this.#known.get(keyOf(plural, object.metadata.namespace, object.metadata.name));
    const echo = this.#written.has(`${plural} ${object.metadata.resourceVersion}`);
    const index = this.events.length;
    const event: TracedEvent = {
      index,
      at: performance.now(),
      type,
      plural,
      object,
      before,
      echo,
      fate: 'relayed',
    };
    this.events.push(event);
    if (type === 'DELETED') this.#known.delete(keyOf(plural, object.metadata.namespace, object.metadata.name));
    else this.note(plural, object);
    return event;
  }

  /** The resourceVersion last seen of what a request is about. */
  knownVersion(request: ProxiedRequest): string | undefined {
    const { plural, namespace, name } = request;
    return this.#known.get(keyOf(plural, namespace, name))?.metadata.resourceVersion;
  }

  /** Writes that changed something, in the order in which they were answered. */
  effectiveWrites(counts: (request: ProxiedRequest) => boolean = isCountedWrite): TraceEntry[] {
    return this.entries
      .filter(entry => entry.changed === true && counts(entry.request))
      .sort((a, b) => (a.answeredAt ?? 0) - (b.answeredAt ?? 0));
  }

  /** When the last write was asked for or answered, whatever came of it; milliseconds of `performance.now()`, or undefined. */
  lastWriteAt(counts: (request: ProxiedRequest) => boolean = isCountedWrite): number | undefined {
    const last = this.entries.findLast(({ request }) => counts(request));
    return last && Math.max(last.request.at, last.answeredAt ?? 0);
  }

  /** Whether the API server has been asked to write something, within the last `ms`, and has not answered. */
  isWriting(ms: number, counts: (request: ProxiedRequest) => boolean = isCountedWrite): boolean {
    const since = performance.now() - ms;
    return this.entries.some(
      ({ request, relayed, answeredAt }) =>
        relayed && answeredAt === undefined && request.at > since && counts(request),
    );
  }
}

function keyOf(plural: string, namespace: string | undefined, name: string | undefined): string {
  return `${plural} ${namespace ?? ''}/${name ?? ''}`;
}
