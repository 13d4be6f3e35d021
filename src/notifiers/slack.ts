import type { NoticeContent } from '../api/notice.ts';
import type { Notice, Notifier } from './notifier.ts';
import { postJson } from './post-json.ts';
import { wordNotice } from './wording.ts';

/** Where to: an incoming webhook of Slack, or of anything that understands its messages (Mattermost, Rocket.Chat). */
export interface SlackTarget {
  /** Holds a secret. */
  readonly url: string;
  readonly channel?: string;
}

/* Limits of Block Kit, in characters: https://docs.slack.dev/reference/block-kit/blocks */
const MAX_HEADER = 150;
const MAX_SECTION = 3000;
const MAX_FIELD = 2000;
const MAX_FIELDS = 10;

const SIGN: Readonly<Record<NoticeContent['severity'], string>> = {
  critical: ':red_circle:',
  warning: ':large_yellow_circle:',
  info: ':large_blue_circle:',
};

/** Sends notices to a Slack-compatible webhook. */
export const slackNotifier: Notifier<SlackTarget> = {
  kind: 'slack',
  send: (notice, { url, channel }, signal) => {
    const body = JSON.stringify({ ...slackMessage(notice), ...(channel === undefined ? {} : { channel }) });
    return postJson({ url, body }, signal);
  },
};

/** A notice as Block Kit, with plain text for notifications and for receivers that know no blocks. */
export function slackMessage(notice: Notice) {
  const words = wordNotice(notice);
  const headline = `${SIGN[notice.content.severity]} ${words.headline}`;
  const fields = words.fields
    .slice(0, MAX_FIELDS)
    .map(({ name, value }) => mrkdwn(`*${name}*\n`, value, '', MAX_FIELD));
  return {
    text: mrkdwn(`${SIGN[notice.content.severity]} `, words.text, '', MAX_SECTION).text,
    blocks: [
      { type: 'header', text: { type: 'plain_text', emoji: true, text: headline.slice(0, MAX_HEADER) } },
      { type: 'section', text: mrkdwn('', words.summary, '', MAX_SECTION) },
      ...(fields.length > 0 ? [{ type: 'section', fields }] : []),
      ...(words.query === undefined ? [] : [{ type: 'section', text: code('*Query*', words.query) }]),
      { type: 'section', text: code('*Next*', words.next) },
      { type: 'context', elements: [mrkdwn('', `${notice.at}  ${notice.id}`, '', MAX_FIELD)] },
    ],
  };
}

function code(title: string, text: string) {
  return mrkdwn(`${title}\n\`\`\``, text.replaceAll('```', "'''"), '```', MAX_SECTION);
}

/* Escapes before it cuts, and never cuts through an entity. Slack reads only &, < and > as markup of its own. */
function mrkdwn(before: string, text: string, after: string, limit: number) {
  const room = limit - before.length - after.length - 3;
  let escaped = '';
  for (const char of text) {
    const piece = char === '&' ? '&amp;' : char === '<' ? '&lt;' : char === '>' ? '&gt;' : char;
    if (escaped.length + piece.length > room) return { type: 'mrkdwn', text: `${before}${escaped}...${after}` };
    escaped += piece;
  }
  return { type: 'mrkdwn', text: `${before}${escaped}${after}` };
}
