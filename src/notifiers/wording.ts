import { clip } from '../api/clip.ts';
import type { NoticeContent } from '../api/notice.ts';
import type { NoticeEvent } from '../api/notifier.ts';
import type { Notice } from './notifier.ts';

/** A notice in words; every channel shows these, in its own layout. */
export interface Wording {
  /** One line: what happened to what. */
  readonly headline: string;
  /** One sentence: why. */
  readonly summary: string;
  readonly fields: readonly { readonly name: string; readonly value: string }[];
  /** The query behind the verdict. */
  readonly query?: string;
  /** What to do next, often a command. */
  readonly next: string;
  /** All of it as plain text. */
  readonly text: string;
}

const HAPPENED: Readonly<Record<NoticeEvent, string>> = {
  Aborted: 'aborted',
  Promoted: 'promoted',
  Paused: 'waits for a person',
  Recovered: 'recovered',
  Started: 'started',
  Invalid: 'has an invalid spec',
  Degraded: 'makes no progress',
  StableLost: 'lost its stable revision',
  Resumed: 'goes on',
};

const MAX_FIELD = 500;

/** Words a notice, once for all channels. Pure. */
export function wordNotice({ event, at, content }: Notice): Wording {
  const revision = content.revision === undefined ? '' : ` (revision ${content.revision})`;
  const headline = clip(`${content.namespace}/${content.rollout} ${HAPPENED[event]}${revision}`, 300);
  const fields = fieldsOf(content).map(({ name, value }) => ({ name, value: clip(value, MAX_FIELD) }));
  const summary = clip(content.summary, 2000);
  const next = clip(content.next, 2000);
  const query = content.query === undefined ? undefined : clip(content.query, 2000);
  const lines = [headline, summary, ...fields.map(({ name, value }) => `${name}: ${value}`)];
  if (query !== undefined) lines.push(`Query: ${query}`);
  lines.push(`Next: ${next}`, `At: ${at}`);
  return { headline, summary, fields, ...(query === undefined ? {} : { query }), next, text: lines.join('\n') };
}

function fieldsOf(content: NoticeContent): { name: string; value: string }[] {
  const rows: [string, string | undefined][] = [
    ['Cause', content.cause],
    ['Measured', measured(content)],
    ['Failures', failures(content)],
    ['Step', content.step],
    ['Weight reached', content.weight === undefined ? undefined : `${content.weight}%`],
    ['Serving', content.serving],
    ['Images', content.images && content.images.length > 0 ? content.images.join(', ') : undefined],
    ['Git', git(content)],
    ['Analysis run', content.analysisRun],
  ];
  return rows.flatMap(([name, value]) => (value === undefined || value === '' ? [] : [{ name, value }]));
}

function measured({ metric, measured: value, threshold }: NoticeContent): string | undefined {
  if (metric === undefined) return undefined;
  const wanted = threshold === undefined ? '' : `, wanted ${threshold}`;
  return `${metric} ${value ?? 'not measured'}${wanted}`;
}

function failures({ failures: failed, failuresAllowed }: NoticeContent): string | undefined {
  if (failed === undefined) return undefined;
  return failuresAllowed === undefined ? `${failed}` : `${failed}, ${failuresAllowed} allowed`;
}

function git({ repository, commit, path }: NoticeContent): string | undefined {
  if (repository === undefined && commit === undefined) return undefined;
  const at = commit === undefined ? '' : ` at ${commit.slice(0, 60)}`;
  return `${repository ?? 'unknown repository'}${at}${path === undefined ? '' : `, ${path}`}`;
}
