import type { NoticeContent } from '../api/notice.ts';
import {
  DEFAULT_NOTICE_EVENTS,
  ENDED_BY,
  isLasting,
  type NoticeEvent,
  type NotifierSpec,
  notifierSpecSchema,
} from '../api/notifier.ts';
import type { ApiObject } from '../api/object-meta.ts';
import type { RolloutStatus, StandingAlert, StoredNotice } from '../api/rollout-status.ts';
import { toTime } from '../api/time.ts';
import type { Fact } from './decision.ts';
import type { Snapshot } from './snapshot.ts';
import { alertsAfter, isAbout } from './standing-alerts.ts';

const KEPT_NOTICES = 20;
const MOST_NOTIFIERS = 100;

/** What is read to word an alert; a Rollout whose spec cannot be read has alerts too. */
export interface NoticeView {
  readonly snapshot: Snapshot;
  /** Epoch milliseconds. */
  readonly now: number;
  /** Pods of the stable revision, "4/4 pods ready"; absent when the spec does not say how many there shall be. */
  readonly pods?: string;
}

/**
 * Keeps the alerts that are owed: one per transition and subscriber, in status until delivered. What the operator saw
 * delivered since the last pass leaves the list. Beside them those that last, as long as they do.
 */
export function updateNotices(view: NoticeView, status: RolloutStatus, facts: readonly Fact[]): void {
  const open = (status.notices ?? []).map(notice => ({
    ...notice,
    pending: notice.pending.filter(
      name => !view.snapshot.delivered.includes(`${notice.id}|${name}`) && exists(view, name),
    ),
  }));
  let alerts = (status.alerts ?? []).flatMap(alert => stillStanding(view, alert));
  for (const fact of facts) {
    if (!fact.notice) continue;
    const told = subscribers(view, fact.notice);
    const pending = told.map(nameOf).slice(0, MOST_NOTIFIERS);
    const notice = pending.length > 0 ? compose(view, status, fact, fact.notice, pending) : undefined;
    if (notice) open.push(notice);
    const toAlertmanagers = told.filter(isAlertmanager).map(nameOf).slice(0, MOST_NOTIFIERS);
    alerts = alertsAfter(fact.notice, alerts, notice, toAlertmanagers);
  }
  const owed = open.filter(notice => notice.pending.length > 0).slice(-KEPT_NOTICES);
  if (owed.length > 0) status.notices = owed;
  else delete status.notices;
  if (alerts.length > 0) status.alerts = alerts;
  else delete status.alerts;
}

function exists(view: NoticeView, name: string): boolean {
  return view.snapshot.notifiers.some(object => nameOf(object) === name);
}

function stillStanding(view: NoticeView, alert: StandingAlert): StandingAlert[] {
  const to = alert.to.filter(name => exists(view, name));
  return to.length > 0 && isAbout(view.snapshot.rollout.metadata, alert) ? [{ ...alert, to }] : [];
}

const nameOf = ({ metadata: { namespace = '', name } }: ApiObject) => `${namespace}/${name}`;

const read = (object: ApiObject) => notifierSpecSchema.safeParse(object['spec']).data;

/** Also one that cannot be read until it is mended. */
function isAlertmanager({ spec }: ApiObject): boolean {
  return typeof spec === 'object' && spec !== null && 'alertmanager' in spec;
}

/** Whether a Notifier asks for an event of a Rollout. */
export function isAskedFor({ events, rollouts }: Partial<NotifierSpec>, event: NoticeEvent, rollout: string): boolean {
  return (events ?? DEFAULT_NOTICE_EVENTS).includes(event) && (rollouts?.includes(rollout) ?? true);
}

/** A Notifier that cannot be read is owed what everybody gets: its delivery fails, which is told, until it is mended. */
function subscribers(view: NoticeView, event: NoticeEvent): ApiObject[] {
  return view.snapshot.notifiers.filter(object => {
    const spec = read(object) ?? {};
    // An alert is a state there: whoever was told of its beginning is told of its end.
    const isEnd = spec.alertmanager !== undefined && ENDED_BY[event] !== undefined && !isLasting(event);
    return isAskedFor(isEnd ? { ...spec, events: [event] } : spec, event, view.snapshot.rollout.metadata.name);
  });
}

function compose(
  view: NoticeView,
  status: RolloutStatus,
  fact: Fact,
  event: NoticeEvent,
  pending: string[],
): StoredNotice {
  const { metadata } = view.snapshot.rollout;
  const at = toTime(view.now);
  const revision = status.desired?.revision ?? 0;
  const id = `${metadata.uid ?? metadata.name}-${revision}-${status.attempt ?? 1}-${event}-${view.now}`;
  return {
    id: id.slice(0, 128),
    event,
    at,
    content: contentOf(view, status, fact, event),
    pending,
  };
}

const NEXT: Readonly<Record<NoticeEvent, (name: string, namespace: string, status: RolloutStatus) => string>> = {
  Aborted: (name, namespace) =>
    `revert the commit in Git, or try it again: kubectl -n ${namespace} annotate --overwrite rollouts.sluice.dev ${name} sluice.dev/command="retry $(date +%s)"`,
  Paused: (name, namespace, { pause }) => {
    if (pause?.reason === 'PausedBySpec') return 'clear spec.paused in Git';
    const verb = pause?.reason === 'PausedByCommand' ? 'resume' : 'promote';
    return `kubectl -n ${namespace} annotate --overwrite rollouts.sluice.dev ${name} sluice.dev/command="${verb} $(date +%s)"`;
  },
  Promoted: () => 'nothing to do',
  Recovered: () => 'nothing to do',
  Resumed: () => 'nothing to do',
  Started: (name, namespace) => `watch it: kubectl -n ${namespace} get rollouts.sluice.dev ${name} -w`,
  Invalid: (name, namespace) => `mend the spec in Git: kubectl -n ${namespace} describe rollouts.sluice.dev ${name}`,
  Degraded: (name, namespace) => `see what it waits for: kubectl -n ${namespace} describe rollouts.sluice.dev ${name}`,
  StableLost: (name, namespace) =>
    `find out who deleted it: kubectl -n ${namespace} describe rollouts.sluice.dev ${name}`,
};

function contentOf(view: NoticeView, status: RolloutStatus, fact: Fact, event: NoticeEvent): NoticeContent {
  const { name, namespace = 'default' } = view.snapshot.rollout.metadata;
  const { abort, stable } = status;
  const evidence = event === 'Aborted' ? abort?.evidence : undefined;
  const source = status.desired?.source;
  const pods = view.pods === undefined ? '' : `, ${view.pods}`;
  return {
    namespace,
    rollout: name,
    event,
    severity:
      event === 'Aborted' || event === 'StableLost'
        ? 'critical'
        : event === 'Invalid' || event === 'Degraded'
          ? 'warning'
          : 'info',
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
    ...(stable ? { serving: `revision ${stable.revision} (${(stable.images ?? []).join(', ')})${pods}` } : {}),
    next: NEXT[event](name, namespace, status),
  };
}
