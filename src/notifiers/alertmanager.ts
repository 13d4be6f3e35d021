import type { NoticeEvent } from '../api/notifier.ts';
import { fromTime, toTime } from '../api/time.ts';
import type { Notice, Notifier } from './notifier.ts';
import { postJson } from './post-json.ts';
import { wordNotice } from './wording.ts';

/** Where to: an Alertmanager (https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml). */
export interface AlertmanagerTarget {
  /** Base URL, with or without /api/v2/alerts. */
  readonly url: string;
  /** Added to every alert; ours win. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Link from the alert to where it came from. */
  readonly generatorUrl?: string;
}

/** An alert of Alertmanager. Its labels are its identity: an alert is ended by sending the same labels again. */
export interface Alert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAt: string;
  readonly endsAt: string;
  readonly generatorURL?: string;
}

/** Events that stay true until the rollout recovers, with their severity: part of the identity, so fixed here. */
const LASTING: Partial<Record<NoticeEvent, 'info' | 'warning' | 'critical'>> = {
  Aborted: 'critical',
  StableLost: 'critical',
  Invalid: 'warning',
  Degraded: 'warning',
  Paused: 'info',
};

const ALL = Object.keys(LASTING) as NoticeEvent[];
/** Alerts that are true no more once an event has happened. */
const ENDED_BY: Partial<Record<NoticeEvent, readonly NoticeEvent[]>> = {
  Recovered: ALL,
  Promoted: ALL,
  Resumed: ['Paused'],
  Aborted: ['Paused'],
};

/** Each notice is sent once, and Alertmanager ends after 5 minutes what names no end. */
const LASTS_MS = 30 * 24 * 3_600_000;
const MAX_ANNOTATION = 3000;

/** Sends notices to Alertmanager: what lasts becomes an alert, and what ends it ends the alert. */
export const alertmanagerNotifier: Notifier<AlertmanagerTarget> = {
  kind: 'alertmanager',
  send: async (notice, to, signal) => {
    const alerts = alertsOf(notice, to);
    // Started is no state that could end; there is nothing to alert about.
    if (alerts.length === 0) return { result: 'delivered' };
    return await postJson({ url: endpoint(to.url), body: JSON.stringify(alerts) }, signal);
  },
};

/** The alerts that a notice begins or ends. */
export function alertsOf(notice: Notice, to: AlertmanagerTarget): Alert[] {
  const { event, at } = notice;
  const ends = (ENDED_BY[event] ?? []).map(ended => ({ ...alert(notice, ended, to), startsAt: at, endsAt: at }));
  return LASTING[event] === undefined ? ends : [alert(notice, event, to), ...ends];
}

function alert(notice: Notice, event: NoticeEvent, { labels, generatorUrl }: AlertmanagerTarget): Alert {
  const { content, at } = notice;
  return {
    labels: {
      ...labels,
      alertname: `SluiceRollout${event}`,
      namespace: content.namespace,
      rollout: content.rollout,
      severity: LASTING[event] ?? 'info',
    },
    annotations: annotations(notice),
    startsAt: at,
    endsAt: toTime((fromTime(at) ?? 0) + LASTS_MS),
    ...(generatorUrl === undefined ? {} : { generatorURL: generatorUrl }),
  };
}

function annotations(notice: Notice): Record<string, string> {
  const { headline, summary, fields, query, next } = wordNotice(notice);
  const rows: [string, string][] = [
    ['summary', headline],
    ['description', summary],
    ...fields.map(({ name, value }): [string, string] => [name.toLowerCase().replaceAll(' ', '_'), value]),
    ...(query === undefined ? [] : [['query', query] satisfies [string, string]]),
    ['next', next],
    ['notice_id', notice.id],
  ];
  return Object.fromEntries(rows.map(([name, value]) => [name, value.slice(0, MAX_ANNOTATION)]));
}

function endpoint(url: string): string {
  const base = url.replace(/\/+$/, '');
  return base.endsWith('/api/v2/alerts') ? base : `${base}/api/v2/alerts`;
}
