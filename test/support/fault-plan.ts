/** What kind of request it is, in the API server's own words. */
export type FaultVerb = 'list' | 'watch' | 'get' | 'create' | 'update' | 'patch' | 'delete' | 'discover';

/** One request as the fault server understood it. */
export interface SeenRequest {
  readonly verb: FaultVerb;
  readonly path: string;
  readonly plural: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: unknown;
  readonly at: number;
}

/** What goes wrong. */
export type FaultAction =
  /** The connection is reset before anything is answered or applied. */
  | { readonly kind: 'reset' }
  /** The request is applied, the answer is lost. */
  | { readonly kind: 'applyThenReset' }
  /** Nothing is ever answered, and the connection stays open. */
  | { readonly kind: 'silent' }
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly reason?: string;
      readonly message?: string;
      readonly headers?: Record<string, string>;
      readonly details?: unknown;
    }
  | { readonly kind: 'delay'; readonly ms: number }
  /** A 200 with exactly this text; then the answer ends, is reset, or stays open without another byte. */
  | { readonly kind: 'raw'; readonly text: string; readonly ending: 'end' | 'reset' | 'hang' };

/** A fault, the requests it hits, and how many of them. */
export interface Fault {
  readonly verb?: FaultVerb;
  readonly plural?: string;
  readonly when?: (request: SeenRequest) => boolean;
  /** Default 1. */
  readonly times?: number;
  readonly action: FaultAction;
}

/** The faults still to come, in order. */
export class FaultPlan {
  #faults: { fault: Fault; left: number }[] = [];

  add(fault: Fault): void {
    this.#faults.push({ fault, left: fault.times ?? 1 });
  }

  clear(): void {
    this.#faults = [];
  }

  /** Takes the first fault that fits. */
  take(request: SeenRequest): FaultAction | undefined {
    const hit = this.#faults.find(
      ({ fault, left }) =>
        left > 0 &&
        (fault.verb === undefined || fault.verb === request.verb) &&
        (fault.plural === undefined || fault.plural === request.plural) &&
        (fault.when === undefined || fault.when(request)),
    );
    if (!hit) return undefined;
    hit.left -= 1;
    this.#faults = this.#faults.filter(({ left }) => left > 0);
    return hit.fault.action;
  }
}
