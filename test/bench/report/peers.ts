/** The peers that were measured. */
export type Peer = 'argo' | 'flagger';

export const PEER_NAMES: Readonly<Record<Peer, string>> = { argo: 'Argo Rollouts 1.9.1', flagger: 'Flagger 1.44.0' };

/** One figure of a peer by number of Rollouts. */
export type PeerFigure = Readonly<Partial<Record<100 | 500, number>>>;

/** A middle and a worst case, by number of Rollouts. */
type PeerSpread = Readonly<Partial<Record<100 | 500, { readonly p50: number; readonly max: number }>>>;

/**
 * What two peers did on the same kind of rig on 2026-11-21: 2 cores, kube-apiserver and etcd 1.36.3 / 3.6.8 without fsync,
 * kube-controller-manager, pods of kwok, the audit log as ground truth, default flags, 2 pods per rollout, 20 namespaces.
 * Argo Rollouts had its nginx router, Flagger gatewayapi:v1 with an interval of 10 s, the shortest that it takes. Not
 * measured again by the bench: magnitudes to compare with, not results of the same minute.
 */
export const PEERS = {
  rssIdleMb: { argo: { 100: 95, 500: 153 }, flagger: { 100: 74, 500: 98 } },
  rssEmptyMb: { argo: 67, flagger: 55 },
  idleCpuPercent: { argo: { 100: 0.09, 500: 0.14 }, flagger: { 100: 4.1, 500: 6.8 } },
  idleReadsPerSecond: { argo: { 100: 0, 500: 0 }, flagger: { 100: 100, 500: 125 } },
  idleWritesPerSecond: { argo: { 100: 0, 500: 0 }, flagger: { 100: 0, 500: 0 } },
  createSeconds: { argo: { 100: 22, 500: 119 }, flagger: { 100: 26, 500: 129 } },
  createWrites: { argo: { 100: 10, 500: 10 }, flagger: { 100: 8, 500: 8 } },
  canaryWrites: { argo: { 100: 57.6, 500: 57.6 }, flagger: { 100: 18, 500: 18 } },
  canaryEvents: { argo: { 100: 17, 500: 17 }, flagger: { 100: 10, 500: 10 } },
  tenthSeconds: { argo: { 100: 29, 500: 82 }, flagger: { 100: 86, 500: 476 } },
  turnedMs: { argo: { 100: 2_200, 500: 8_900 }, flagger: { 100: 18_900, 500: 89_000 } },
  eventsArrivedPercent: { argo: { 500: 44 }, flagger: { 500: 13.5 } },
} as const satisfies Record<string, Readonly<Record<Peer, PeerFigure | number>>>;

/** First write about a change, milliseconds. */
export const PEER_FIRST_WRITE: Readonly<Record<Peer, PeerSpread>> = {
  argo: { 100: { p50: 12, max: 24 }, 500: { p50: 11, max: 14 } },
  flagger: { 100: { p50: 7_500, max: 14_400 }, 500: { p50: 36_000, max: 55_000 } },
};

/** Bad sample served → route at 0 %, every tenth Rollout at once, milliseconds. */
export const PEER_ABORT: Readonly<Record<Peer, PeerSpread>> = {
  argo: { 100: { p50: 370, max: 950 }, 500: { p50: 8_700, max: 11_200 } },
  flagger: { 100: { p50: 10_000, max: 10_100 }, 500: { p50: 50_000, max: 50_000 } },
};
