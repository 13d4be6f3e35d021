import * as z from 'zod';
import { secretKeySchema } from './metric-provider.ts';
import { exactlyOneOf, objectNameSchema, stringMapSchema, withRules } from './schema-rules.ts';

/** What a team can be told about. */
export const NOTICE_EVENTS = [
  'Aborted',
  'Promoted',
  'Paused',
  'Recovered',
  'Started',
  'Invalid',
  'Degraded',
  'StableLost',
  'Resumed',
] as const;
export type NoticeEvent = (typeof NOTICE_EVENTS)[number];

/** Sent when a Notifier names no events. */
export const DEFAULT_NOTICE_EVENTS: readonly NoticeEvent[] = [
  'Aborted',
  'Paused',
  'Recovered',
  'Degraded',
  'StableLost',
];

/** Events that stay true until another one ends them: an Alertmanager shows them as alerts that fire meanwhile. */
export const LASTING_EVENTS = ['Aborted', 'StableLost', 'Invalid', 'Degraded', 'Paused'] as const;
export type LastingEvent = (typeof LASTING_EVENTS)[number];

/** What is true no more once an event has happened. */
export const ENDED_BY: Readonly<Partial<Record<NoticeEvent, readonly LastingEvent[]>>> = {
  Recovered: LASTING_EVENTS,
  Promoted: LASTING_EVENTS,
  Resumed: ['Paused'],
  Aborted: ['Paused'],
};

export function isLasting(event: NoticeEvent): event is LastingEvent {
  return (LASTING_EVENTS as readonly NoticeEvent[]).includes(event);
}

const httpUrl = z
  .string()
  .max(2048)
  .regex(/^https?:\/\/[^\s@]+$/);

/** An address that may hold a secret, so it may come from a Secret of the Notifier's namespace. */
const target = {
  url: httpUrl.optional(),
  urlSecretRef: secretKeySchema.optional(),
};

export const notifierSpecSchema = withRules(
  z.object({
    events: z.array(z.enum(NOTICE_EVENTS)).max(NOTICE_EVENTS.length).optional(),
    rollouts: z.array(objectNameSchema).max(500).optional().meta({ description: 'Only these Rollouts; absent: all.' }),
    slack: withRules(z.object({ ...target, channel: z.string().max(80).optional() }), [
      exactlyOneOf(['url', 'urlSecretRef'], 'slack'),
    ]).optional(),
    webhook: withRules(
      z.object({
        ...target,
        headers: stringMapSchema.optional(),
        hmacSecretRef: secretKeySchema.optional().meta({ description: 'Key of the HMAC-SHA256 signature.' }),
      }),
      [exactlyOneOf(['url', 'urlSecretRef'], 'webhook')],
    ).optional(),
    alertmanager: withRules(
      z.object({ ...target, labels: stringMapSchema.optional().meta({ description: 'Added to every alert.' }) }),
      [exactlyOneOf(['url', 'urlSecretRef'], 'alertmanager')],
    ).optional(),
  }),
  [exactlyOneOf(['slack', 'webhook', 'alertmanager'], 'a Notifier')],
);

export type NotifierSpec = z.infer<typeof notifierSpecSchema>;
