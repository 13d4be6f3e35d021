import { RIG_USERS } from '../../support/control-plane/users.ts';
import { LineTail } from './line-tail.ts';

/** One finished request, as the API server tells it. Times in epoch milliseconds with fractions. */
export interface Request {
  readonly user: string;
  readonly verb: string;
  /** Plural name, with the subresource when there is one. */
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  readonly status: number;
  /** When the API server received it. */
  readonly atMs: number;
  /** When its answer was complete; what it wrote is stored by then. */
  readonly doneMs: number;
}

const WRITES = new Set(['create', 'update', 'patch', 'delete', 'deletecollection']);

/** Whether the operator asked, for whatever it may be. */
export function isOfOperator(request: Request): boolean {
  return request.user === RIG_USERS.operator.name;
}

/** A change of an object that the operator asked for, got or refused, its lease apart. */
export function isOperatorAttempt(request: Request): boolean {
  return isOfOperator(request) && WRITES.has(request.verb) && request.resource !== 'leases';
}

/** A change of an object that the operator asked for and got, its lease apart. */
export function isOperatorWrite(request: Request): boolean {
  return isOperatorAttempt(request) && request.status < 400;
}

/** A question of the operator, its lease apart. Watches are not in the log. */
export function isOperatorRead(request: Request): boolean {
  return isOfOperator(request) && !WRITES.has(request.verb) && request.resource !== 'leases';
}

/** The Rollout of the fleet that an object belongs to, as `namespace/name`; all its names begin with the Rollout's. */
export function memberKeyOf(object: { readonly namespace: string; readonly name: string }): string | undefined {
  const name = /^app-\d+(?![^-.])/.exec(object.name)?.[0];
  return name === undefined ? undefined : `${object.namespace}/${name}`;
}

/** The audit log as far as it was pulled, in memory. */
export class AuditRecord {
  readonly #tail: LineTail;
  readonly #requests: Request[] = [];
  readonly #known = new Map<string, string>();

  constructor(path: string) {
    this.#tail = new LineTail(path);
  }

  /** Takes in what the log has got since. */
  pull(): void {
    this.#tail.read(line => this.#requests.push(this.#parse(line)));
  }

  /** A place in the record, for {@link since}. */
  mark(): number {
    this.pull();
    return this.#requests.length;
  }

  /** What finished after the mark, in order of finishing. */
  since(mark: number): readonly Request[] {
    this.pull();
    return this.#requests.slice(mark);
  }

  /** The one that finished last of those that match. */
  last(matches: (request: Request) => boolean): Request | undefined {
    this.pull();
    return this.#requests.findLast(matches);
  }

  close(): void {
    this.#tail.close();
  }

  #parse(line: string): Request {
    const raw = JSON.parse(line) as {
      user: { username: string };
      verb: string;
      objectRef?: { resource?: string; subresource?: string; namespace?: string; name?: string };
      responseStatus?: { code?: number };
      requestReceivedTimestamp: string;
      stageTimestamp: string;
    };
    const { resource = '', subresource, namespace = '', name = '' } = raw.objectRef ?? {};
    return {
      user: this.#same(raw.user.username),
      verb: this.#same(raw.verb),
      resource: this.#same(subresource === undefined ? resource : `${resource}/${subresource}`),
      namespace: this.#same(namespace),
      name,
      status: raw.responseStatus?.code ?? 0,
      atMs: preciseTime(raw.requestReceivedTimestamp),
      doneMs: preciseTime(raw.stageTimestamp),
    };
  }

  /** One string for all equal ones: there are hundreds of thousands of entries and a few dozen names in them. */
  #same(text: string): string {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    this.#known.set(text, text);
    return text;
  }
}

/** Epoch milliseconds of a time with microseconds, which Date cuts off. */
export function preciseTime(text: string): number {
  const match = /^(.+T\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)$/.exec(text);
  return match === null ? Number.NaN : Date.parse(`${match[1]}${match[3]}`) + Number(match[2] ?? 0) * 1000;
}
