import { ENDED_BY, isLasting, type NoticeEvent } from '../api/notifier.ts';
import type { ObjectMeta } from '../api/object-meta.ts';
import type { StandingAlert, StoredNotice } from '../api/rollout-status.ts';

/**
 * Whether an alert is one of this Rollout. Whoever may write its status could give it others, with a namespace and a name of
 * their choice: a Notifier of the platform would tell them, or end those that another team was told.
 */
export function isAbout({ uid }: Pick<ObjectMeta, 'uid'>, { id }: Pick<StoredNotice, 'id'>): boolean {
  return uid !== undefined && id.startsWith(`${uid}-`);
}

/**
 * What Alertmanagers are sent again after an event: what it ends leaves, and what lasts from now on comes, in place of an
 * earlier one of its kind, whose labels it has.
 *
 * @param notice what is told of the event, if anybody is
 * @param to the Alertmanagers among those who are told
 */
export function alertsAfter(
  event: NoticeEvent,
  standing: readonly StandingAlert[],
  notice: StoredNotice | undefined,
  to: readonly string[],
): StandingAlert[] {
  const rest = standing.filter(alert => alert.event !== event && !ENDED_BY[event]?.includes(alert.event));
  if (!notice || to.length === 0 || !isLasting(event)) return rest;
  const { pending: _, ...words } = notice;
  return [...rest, { ...words, event, to: [...to] }];
}
