import type { ApiErrorCode } from './errors.ts';

/** What happened to an object, as seen by a cache. */
export type ChangeType = 'added' | 'modified' | 'deleted';

/** How a cache learnt it: from a list, from the watch, from the answer to one of our own writes, or from the drift audit. */
export type ChangeSource = 'list' | 'watch' | 'write' | 'audit';

/** Why a watch ended. */
export type WatchEndCause =
  | 'closed'
  | 'reset'
  | 'truncated'
  | 'garbage'
  | 'lineTooLong'
  | 'stalled'
  | 'expired'
  | 'error'
  | 'stopped';

/** Everything a cache reports about itself, for metrics and logs. */
export type ReflectorObservation =
  | { readonly kind: 'change'; readonly type: ChangeType; readonly source: ChangeSource }
  | { readonly kind: 'outdatedEvent' }
  | { readonly kind: 'malformed'; readonly source: ChangeSource; readonly object: string; readonly reason: string }
  | { readonly kind: 'handlerError'; readonly error: unknown }
  | { readonly kind: 'indexError'; readonly object: string; readonly error: unknown }
  | { readonly kind: 'listed'; readonly cause: string; readonly objects: number; readonly ms: number }
  | {
      readonly kind: 'watchEnded';
      readonly cause: WatchEndCause;
      readonly ms: number;
      readonly events: number;
      readonly bytes: number;
    }
  | { readonly kind: 'audited'; readonly missing: number; readonly outdated: number; readonly extra: number }
  | { readonly kind: 'failing'; readonly code: ApiErrorCode; readonly message: string }
  | { readonly kind: 'recovered' };
