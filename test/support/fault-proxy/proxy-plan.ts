import { isCountedWrite, type ProxiedRequest } from './proxied-request.ts';
import type { TraceEntry } from './trace.ts';

/** What goes wrong with a request. */
export type ProxyFault =
  /** The connection is reset; the API server never hears of it. */
  | { readonly kind: 'reset' }
  /** The API server carries it out; the connection is reset instead of answered. */
  | { readonly kind: 'dropReply' }
  /** Never answered, connection open. `applied`: the API server carries it out all the same. */
  | { readonly kind: 'silent'; readonly applied?: boolean }
  /** Answered in the API server's place, which never hears of it. */
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly reason?: string;
      readonly message?: string;
      readonly details?: unknown;
      /** In seconds, as the header says it. */
      readonly retryAfter?: number;
    }
  /** Waits before the API server is asked. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** Waits before the operator is told. */
  | { readonly kind: 'delayReply'; readonly ms: number }
  /** Carried out; of the answer only the first half arrives, then the connection is reset. Not for watches. */
  | { readonly kind: 'truncate' }
  /** Carried out; the answer's body is another one, with status 200 unless given. Not for watches. */
  | { readonly kind: 'rewrite'; readonly status?: number; readonly body: (text: string) => string }
  /** A 200 with this text as it is, for a watch or anything else; then it ends, is reset, or stays open and silent. */
  | { readonly kind: 'raw'; readonly text: string; readonly ending: 'end' | 'reset' | 'hang' }
  /**
   * `kill` is awaited at that moment: `before` the API server is asked (it never is), when it has `applied` the request and
   * the operator was told nothing (it never is), or after the operator was `told`.
   */
  | { readonly kind: 'crash'; readonly at: CrashMoment; readonly kill: () => Promise<void> | void };

/** When an operator is killed, relative to a request. */
export type CrashMoment = 'before' | 'applied' | 'told';

/** A fault and the requests that it hits. */
export interface ProxyRule {
  readonly when: (request: ProxiedRequest) => boolean;
  /** Hits from the n-th on, counted from 1. Default 1. */
  readonly nth?: number;
  /** How many it hits. Default 1; `Infinity` until it is removed. */
  readonly times?: number;
  /**
   * Counts only what changed something: the n-th is the first request that comes after n - 1 effective ones. Default false:
   * counts requests.
   */
  readonly effective?: boolean;
  readonly fault: ProxyFault;
}

/** A rule in force. */
export interface ArmedRule {
  /** How often it has struck. */
  readonly hits: number;
  /** Resolves when it strikes for the first time. */
  readonly struck: Promise<TraceEntry>;
  remove(): void;
}

class Rule implements ArmedRule {
  readonly struck: Promise<TraceEntry>;
  hits = 0;
  readonly #rule: ProxyRule;
  readonly #discard: () => void;
  #seen = 0;
  #strike: (entry: TraceEntry) => void = () => undefined;
  readonly #passed: TraceEntry[] = [];

  constructor(rule: ProxyRule, discard: () => void) {
    this.#rule = rule;
    this.#discard = discard;
    this.struck = new Promise(resolve => {
      this.#strike = resolve;
    });
  }

  take(entry: TraceEntry): ProxyFault | undefined {
    const { when, nth = 1, times = 1, effective = false, fault } = this.#rule;
    if (this.hits >= times || !when(entry.request)) return undefined;
    const before = effective ? this.#passed.filter(one => one.changed === true).length : this.#seen;
    this.#seen += 1;
    this.#passed.push(entry);
    if (before < nth - 1) return undefined;
    this.hits += 1;
    if (this.hits === 1) this.#strike(entry);
    if (this.hits >= times) this.#discard();
    return fault;
  }

  remove(): void {
    this.#discard();
  }
}

/** The faults in force. The first that fits a request is played. */
export class ProxyPlan {
  readonly #rules = new Set<Rule>();

  add(rule: ProxyRule): ArmedRule {
    const armed: Rule = new Rule(rule, () => this.#rules.delete(armed));
    this.#rules.add(armed);
    return armed;
  }

  clear(): void {
    this.#rules.clear();
  }

  take(entry: TraceEntry): ProxyFault | undefined {
    for (const rule of [...this.#rules]) {
      const fault = rule.take(entry);
      if (fault) return fault;
    }
    return undefined;
  }
}

/** The rule that kills an operator around its n-th effective write. */
export function crashAtWrite(
  nth: number,
  at: CrashMoment,
  kill: () => Promise<void> | void,
  counts: (request: ProxiedRequest) => boolean = isCountedWrite,
): ProxyRule {
  return { when: counts, nth, effective: true, fault: { kind: 'crash', at, kill } };
}
