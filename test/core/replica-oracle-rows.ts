import { readFileSync } from 'node:fs';
import type { PodCount } from '../../src/core/pod-count.ts';

/** One row of test/oracles/replica-cases.json; test/oracles/README.md says where rows come from. */
export interface OracleRow {
  id: string;
  kind: string;
  note: string;
  replicas: number;
  setWeight: number;
  maxWeight: number;
  /** null is 0: the defaults are applied before. */
  maxSurge: number | string | null;
  maxUnavailable: number | string | null;
  abort: boolean;
  promoteFull: boolean;
  stableIsCanary?: boolean;
  stable: (PodCount & { statusReplicas?: number }) | null;
  canary: (PodCount & { statusReplicas?: number }) | null;
  older: PodCount | (PodCount & { revision?: number })[] | null;
  setCanaryScale: { replicas: number | null; weight: number | null; matchTrafficWeight: boolean } | null;
  minPodsPerReplicaSet: number | null;
  dynamicStableScale: boolean;
  currentWeights?: { canary: number };
  replicaSet: PodCount | null;
  ignoreAvailability: boolean;
  stepWeights?: number[];
  stages?: { replicas: number; setWeight: number; expected: { stable: number; canary: number } }[];
  start?: { stable: number; canary: number };
  canaryPodsBecomeAvailable: boolean;
  threshold?: { type: 'Percent' | 'Pods'; value: number } | null;
  /** Pods that a threshold is about. */
  desired: number;
  abortScaleDownDelaySeconds: number | null;
  previewReplicaCount: number;
  scaleUpPreviewCheckPoint: boolean;
  expected: Record<string, unknown>;
}

/** All rows. */
export const oracleRows = (
  JSON.parse(readFileSync(new URL('../oracles/replica-cases.json', import.meta.url), 'utf8')) as { cases: OracleRow[] }
).cases;

/** Rows of a kind with a name for the test that runs over them. */
export const rowsOfKind = (kind: string) =>
  oracleRows.filter(row => row.kind === kind).map(row => [`${row.id}: ${row.note}`, row] as const);
