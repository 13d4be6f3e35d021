import { DEFAULT_NOTICE_EVENTS, type NoticeEvent, notifierSpecSchema } from '../api/notifier.ts';
import type { RolloutStatus, StoredNotice } from '../api/rollout-status.ts';
import { toTime } from '../api/time.ts';
import type { Fact } from './decision.ts';
import type { Draft } from './draft.ts';
import type { World } from './world.ts';

const KEPT_NOTICES = 20;

/**
 * Keeps the alerts that are owed: one per transition and subscriber, in status until delivered. What the operator saw
 * delivered since the last pass leaves the list.
 */
export function updateNotices(w: World, d: Draft, facts: readonly Fact[]): void {
  const open = (d.status.notices ?? []).map(notice => ({
    ...notice,
    pending: notice.pending.filter(name => !w.snapshot.delivered.includes(`${notice.id}|${name}`) && exists(w, name)),
  }));
  for (const fact of facts) {
    if (!fact.notice) continue;
    const pending = subscribers(w, fact.notice);
    if (pending.length > 0) open.push(compose(w, d.status, fact, fact.notice, pending));
  }
  const owed = open.filter(notice => notice.pending.length > 0).slice(-KEPT_NOTICES);
  if (owed.length > 0) d.status.notices = owed;
  else delete d.status.notices;
}

function exists(w: World, name: string): boolean {
  return w.snapshot.notifiers.some(object => `${object.metadata.namespace ?? ''}/${object.metadata.name}` === name);
}

function subscribers(w: World, event: NoticeEvent): string[] {
  return w.snapshot.notifiers.flatMap(object => {
    const spec = notifierSpecSchema.safeParse(object['spec']);
    if (!spec.success) return [];
    if (!(spec.data.events ?? DEFAULT_NOTICE_EVENTS).includes(event)) return [];
    if (spec.data.rollouts && !spec.data.rollouts.includes(w.name)) return [];
    return [`${object.metadata.namespace ?? ''}/${object.metadata.name}`];
  });
}

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

function compose(w: World, status: RolloutStatus, fact: Fact, event: NoticeEvent, pending: string[]): StoredNotice {
  const at = toTime(w.now);
  const revision = status.desired?.revision ?? 0;
  const id = `${w.snapshot.rollout.metadata.uid ?? w.name}-${revision}-${status.attempt ?? 1}-${event}-${w.now}`;
  return { id: id.slice(0, 128), event, at, content: contentOf(w, status, fact, event), pending: pending.slice(0, 100) };
}

const NEXT: Readonly<Record<NoticeEvent, (name: string, namespace: string) => string>> = {
  Aborted: (name, namespace) =>
    `revert the commit in Git, or try it again: kubectl -n ${namespace} annotate --overwrite rollouts.sluice.dev ${name} sluice.dev/command="retry $(date +%s)"`,
  Paused: (name, namespace) =>
    `kubectl -n ${namespace} annotate --overwrite rollouts.sluice.dev ${name} sluice.dev/command="promote $(date +%s)"`,
  Promoted: () => 'nothing to do',
  Recovered: () => 'nothing to do',
  Started: (name, namespace) => `watch it: kubectl -n ${namespace} get rollouts.sluice.dev ${name} -w`,
  Invalid: (name, namespace) => `mend the spec in Git: kubectl -n ${namespace} describe rollouts.sluice.dev ${name}`,
  StableLost: (name, namespace) => `find out who deleted it: kubectl -n ${namespace} describe rollouts.sluice.dev ${name}`,
};

function contentOf(w: World, status: RolloutStatus, fact: Fact, event: NoticeEvent): NoticeContent {
  const namespace = w.snapshot.rollout.metadata.namespace ?? 'default';
  const { abort, stable } = status;
  const evidence = event === 'Aborted' ? abort?.evidence : undefined;
  const source = status.desired?.source;
  const ready = w.stableSet?.ready ?? 0;
  return {
    namespace,
    rollout: w.name,
    event,
    severity: event === 'Aborted' || event === 'StableLost' ? 'critical' : event === 'Invalid' ? 'warning' : 'info',
    summary: fact.note,
    ...(event === 'Aborted' && abort ? { cause: abort.cause, weight: abort.weight ?? 0 } : {}),
    ...(event === 'Aborted' && abort?.step ? { step: abort.step } : {}),
    ...(evidence?.metric ? { metric: evidence.metric } : {}),
    ...(evidence?.measured ? { measured: evidence.measured } : {}),
    ...(evidence?.threshold ? { threshold: evidence.threshold } : {}),
    ...(evidence?.query ? { query: evidence.query } : {}),
    ...(evidence?.analysisRun ? { analysisRun: evidence.analysisRun } : {}),
    ...(evidence?.failures !== undefined ? { failures: evidence.failures } : {}),
    ...(evidence?.limit !== undefined ? { failuresAllowed: evidence.limit } : {}),
    ...(status.desired ? { revision: status.desired.revision, images: status.desired.images ?? [] } : {}),
    ...(source?.repository ? { repository: source.repository } : {}),
    ...(source?.revision ? { commit: source.revision } : {}),
    ...(source?.path ? { path: source.path } : {}),
    ...(stable ? { serving: `revision ${stable.revision} (${(stable.images ?? []).join(', ')}), ${ready}/${w.replicas} pods ready` } : {}),
    next: NEXT[event](w.name, namespace),
  };
}
