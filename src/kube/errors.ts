import { isRecord } from './kube-object.ts';

/**
 * What an error of the API means for the caller.
 * `transient`: try again later. `conflict`: the object changed, read again. `gone`: the resourceVersion or continue token is too
 * old. `invalid`: the server refuses the content, a retry cannot help. `terminal`: any other refusal that a retry cannot help.
 * `notLeader`: refused here, before sending, because this process may not write. `aborted`: the caller gave up.
 */
export type ApiErrorCode =
  | 'transient'
  | 'conflict'
  | 'notFound'
  | 'gone'
  | 'forbidden'
  | 'unauthorized'
  | 'invalid'
  | 'alreadyExists'
  | 'tooManyRequests'
  | 'terminal'
  | 'notLeader'
  | 'aborted';

/** One entry of a Status object's `details.causes`. */
export interface StatusCause {
  readonly reason?: string;
  readonly message?: string;
  readonly field?: string;
}

/** Everything an {@link ApiError} is built from. */
export interface ApiErrorInit {
  readonly code: ApiErrorCode;
  readonly message: string;
  readonly verb: string;
  readonly path: string;
  /** HTTP status; 0 when there was no answer. */
  readonly status?: number;
  /** `reason` of the server's Status object, e.g. `AlreadyExists`. */
  readonly reason?: string | undefined;
  readonly causes?: readonly StatusCause[];
  /** Name of the object that the server's Status object is about. */
  readonly about?: string | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly mayHaveBeenApplied?: boolean;
  readonly cause?: unknown;
}

/** The only error this room throws for something that happened between us and the API server. Carries no secrets. */
export class ApiError extends Error {
  readonly code: ApiErrorCode;
  readonly verb: string;
  readonly path: string;
  readonly status: number;
  readonly reason: string | undefined;
  readonly causes: readonly StatusCause[];
  /** Name of the object that the server's Status object is about; undefined when it names none. */
  readonly about: string | undefined;
  /** How long the server asked us to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined;
  /** True when a write was sent but its outcome is unknown: read before repeating it. */
  readonly mayHaveBeenApplied: boolean;

  constructor(init: ApiErrorInit) {
    super(`${init.verb} ${init.path}: ${init.message}`, init.cause === undefined ? {} : { cause: init.cause });
    this.name = 'ApiError';
    this.code = init.code;
    this.verb = init.verb;
    this.path = init.path;
    this.status = init.status ?? 0;
    this.reason = init.reason;
    this.causes = init.causes ?? [];
    this.about = init.about;
    this.retryAfterMs = init.retryAfterMs;
    this.mayHaveBeenApplied = init.mayHaveBeenApplied ?? false;
  }

  /** True when the server said that the requested resourceVersion lies in its future (restored or lagging etcd). */
  get isResourceVersionTooLarge(): boolean {
    return (
      this.causes.some(cause => cause.reason === 'ResourceVersionTooLarge') ||
      /too large resource version/i.test(this.message)
    );
  }

  /** True when the refusal is only because the namespace is being deleted. */
  get isNamespaceTerminating(): boolean {
    return this.causes.some(cause => cause.reason === 'NamespaceTerminating');
  }
}

/** The outcome of {@link classify}. */
export interface Classification {
  readonly code: ApiErrorCode;
  readonly retryAfterMs?: number;
}

/** Sorts any thrown value into one of the codes. What is not an {@link ApiError} is a bug on our side: `terminal`. */
export function classify(error: unknown): Classification {
  if (!(error instanceof ApiError)) return { code: 'terminal' };
  return error.retryAfterMs === undefined
    ? { code: error.code }
    : { code: error.code, retryAfterMs: error.retryAfterMs };
}

/** An answer that is not a success, as far as {@link errorFromResponse} needs it. */
export interface FailedResponse {
  readonly verb: string;
  readonly path: string;
  readonly status: number;
  readonly body: unknown;
  readonly retryAfter?: string | undefined;
  /** Wall clock, for a Retry-After given as a date. */
  readonly nowMs: number;
}

const READS = ['get', 'list', 'watch', 'discover'];

/** Turns a Status answer (or a proxy's HTML page) into an {@link ApiError}. */
export function errorFromResponse(response: FailedResponse): ApiError {
  const body = isRecord(response.body) ? response.body : {};
  const details = isRecord(body.details) ? body.details : {};
  const reason = typeof body.reason === 'string' ? body.reason : undefined;
  const text = typeof body.message === 'string' ? body.message : 'the answer carried no message';
  const seconds = details.retryAfterSeconds;
  const detailMs = typeof seconds === 'number' && seconds > 0 ? seconds * 1000 : undefined;
  return new ApiError({
    code: codeOf(response.status, reason),
    message: `${response.status}${reason ? ` ${reason}` : ''}: ${text.slice(0, 2000)}`,
    verb: response.verb,
    path: response.path,
    status: response.status,
    reason,
    causes: Array.isArray(details.causes) ? (details.causes.filter(isRecord) as StatusCause[]) : [],
    about: typeof details.name === 'string' ? details.name : undefined,
    retryAfterMs: retryAfterMs(response.retryAfter, response.nowMs) ?? detailMs,
    // A gateway or a server that ran out of time may have finished the write all the same.
    mayHaveBeenApplied: response.status >= 500 && !READS.includes(response.verb),
  });
}

function codeOf(status: number, reason: string | undefined): ApiErrorCode {
  if (reason === 'Expired' || reason === 'Gone') return 'gone';
  switch (status) {
    case 400:
    case 422:
      return 'invalid';
    case 401:
      return 'unauthorized';
    case 403:
      return 'forbidden';
    case 404:
      return 'notFound';
    case 408:
      return 'transient';
    case 409:
      return reason === 'AlreadyExists' ? 'alreadyExists' : 'conflict';
    case 410:
      return 'gone';
    case 429:
      return 'tooManyRequests';
    default:
      return status >= 500 ? 'transient' : 'terminal';
  }
}

/** Reads a Retry-After header: seconds or an HTTP date. Capped at ten minutes, so that nobody can park us for ever. */
function retryAfterMs(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined || header === '') return undefined;
  const ms = /^\d+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - nowMs;
  return Number.isFinite(ms) ? Math.min(Math.max(0, ms), 600_000) : undefined;
}
