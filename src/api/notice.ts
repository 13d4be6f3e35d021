import type { NoticeEvent } from './notifier.ts';

/** What an alert says, as data; every channel words it from this, so all tell the same. */
export interface NoticeContent {
  readonly [key: string]: unknown;
  readonly namespace: string;
  readonly rollout: string;
  readonly event: NoticeEvent;
  readonly severity: 'info' | 'warning' | 'critical';
  readonly summary: string;
  readonly cause?: string;
  readonly metric?: string;
  readonly measured?: string;
  readonly threshold?: string;
  readonly query?: string;
  readonly analysisRun?: string;
  readonly failures?: number;
  readonly failuresAllowed?: number;
  readonly step?: string;
  readonly weight?: number;
  readonly revision?: number;
  readonly images?: readonly string[];
  readonly repository?: string;
  readonly commit?: string;
  readonly path?: string;
  readonly serving?: string;
  readonly next: string;
}
