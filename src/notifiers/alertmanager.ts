import { ENDED_BY, isLasting, type LastingEvent } from '../api/notifier.ts';
import { fromTime, toTime } from '../api/time.ts';
import type { Delivery, Notice, Notifier } from './notifier.ts';
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

/** Part of the identity, so fixed here and not taken from a notice. */
const SEVERITY: Readonly<Record<LastingEvent, 'info' | 'warning' | 'critical'>> = {
  Aborted: 'critical',
  StableLost: 'critical',
  Invalid: 'warning',
  Degraded: 'warning',
  Paused: 'info',
};

/**
 * An alert ends by itself this long after it was last sent. It is sent again each minute (`src/operator/renewals.ts`): long enough for
 * a few that are lost, or for another operator to take over; short enough for a Rollout that is gone.
 */
const LASTS_MS = 5 * 60_000;
const MAX_ANNOTATION = 3000;

/**
 * Sends notices to Alertmanager: what lasts becomes an alert, and what ends it ends the alert.
 *
 * @param now epoch milliseconds, from which an alert lasts
 */
export function createAlertmanagerNotifier(now: () => number): Notifier<AlertmanagerTarget> {
  return {
    kind: 'alertmanager',
    send: (notice, to, signal) => post(alertsOf(notice, to, now()), to, signal),
    renew: (notices, to, signal) => post(renewed(notices, to, now()), to, signal),
  };
}

async function post(alerts: readonly Alert[], { url }: AlertmanagerTarget, signal: AbortSignal): Promise<Delivery> {
  // Started is no state that could end; there is nothing to alert about.
  if (alerts.length === 0) return { result: 'delivered' };
  return await postJson({ url: endpoint(url), body: JSON.stringify(alerts) }, signal);
}

/** The alerts that a notice begins or ends. */
export function alertsOf(notice: Notice, to: AlertmanagerTarget, now: number): Alert[] {
  const { event, at } = notice;
  const ends = (ENDED_BY[event] ?? []).map(ended => ({ ...alert(notice, ended, to), startsAt: at, endsAt: at }));
  return isLasting(event) ? [{ ...alert(notice, event, to), ...spanOf(notice, now) }, ...ends] : ends;
}

/** What lasts, without the ends that came with its beginning: what they ended may have begun anew since. */
function renewed(notices: readonly Notice[], to: AlertmanagerTarget, now: number): Alert[] {
  return notices.flatMap(notice => {
    try {
      return isLasting(notice.event) ? [{ ...alert(notice, notice.event, to), ...spanOf(notice, now) }] : [];
    } catch {
      // What somebody wrote into the status of a Rollout cannot be worded; those of others go out all the same.
      return [];
    }
  });
}

/** From its beginning to a while from now. An alert that would begin later, since a clock was set back, is refused with all others. */
function spanOf({ at }: Notice, now: number): Pick<Alert, 'startsAt' | 'endsAt'> {
  return { startsAt: toTime(Math.min(fromTime(at) ?? now, now)), endsAt: toTime(now + LASTS_MS) };
}

function alert(
  notice: Notice,
  event: LastingEvent,
  { labels, generatorUrl }: AlertmanagerTarget,
): Omit<Alert, 'startsAt' | 'endsAt'> {
  const { content } = notice;
  return {
    labels: {
      ...labels,
      alertname: `SluiceRollout${event}`,
      namespace: content.namespace,
      rollout: content.rollout,
      severity: SEVERITY[event],
    },
    annotations: annotations(notice),
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
