import type { ApiObject, ObjectRef } from '../api/object-meta.ts';

/** Weights asked of a route, in parts of `max`. */
export interface Weights {
  readonly canary: number;
  readonly max: number;
}

/** One RFC 6902 operation. */
export type JsonPatchOperation =
  | { readonly op: 'test' | 'add' | 'replace'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string };

/** Change of one route object; only fields that are ours. */
export type Patch = readonly JsonPatchOperation[];

/** What a route gives the canary now. */
export type RouteState =
  | {
      readonly kind: 'weights';
      /** Canary weight in parts of `max`, the highest over all rules that have both backends. */
      readonly canary: number;
      /** True when every rule has exactly these weights. */
      readonly uniform: boolean;
      /** The data plane has accepted this generation. */
      readonly accepted: boolean;
      /** Why not accepted. */
      readonly why?: string;
      /** The gateway has looked at it and refuses it; without this it may just not have answered yet. */
      readonly rejected?: boolean;
    }
  | { readonly kind: 'missing'; readonly why: string }
  | { readonly kind: 'malformed'; readonly why: string };

/** The two Services and the scale of weights. */
export interface Backends {
  readonly stable: string;
  readonly canary: string;
  readonly max: number;
}

/**
 * A kind of traffic router: two pure translations between weights and the objects of one API. It never does I/O: the
 * operator observes what `needs` names and applies what `write` returns.
 */
export interface TrafficRouter<S> {
  readonly kind: string;
  /** Objects to watch and put into the snapshot. */
  needs(spec: S): readonly ObjectRef[];
  /** Reads actual weights. */
  read(spec: S, seen: ApiObject | null, backends: Backends): RouteState;
  /** Operations that bring `seen` to `want`; empty when it is there already. */
  write(spec: S, seen: ApiObject, backends: Backends, want: Weights): Patch;
  /** The object to create when Sluice owns it and it does not exist. */
  create(
    spec: S,
    backends: Backends,
  ): (Pick<ApiObject, 'apiVersion' | 'kind'> & { metadata: object; spec: unknown }) | undefined;
}
