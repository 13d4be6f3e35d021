import { createHmac } from 'node:crypto';
import { afterEach, expect, test } from 'vitest';
import { alertsOf, createAlertmanagerNotifier } from '../../src/notifiers/alertmanager.ts';
import { slackMessage } from '../../src/notifiers/slack.ts';
import { createWebhookNotifier } from '../../src/notifiers/webhook.ts';
import { wordNotice } from '../../src/notifiers/wording.ts';
import { aNotice } from './a-notice.ts';
import { aReceiver, type Receiver } from './receiver.ts';

const open: Receiver[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.close();
});

test('an abort is worded with value, threshold, count, what serves and what to do', () => {
  expect(wordNotice(aNotice()).text).toBe(
    [
      'shop/checkout aborted (revision 8)',
      'success-rate 0.91 (wanted: ≥ 0.95); 2 failed, 1 allowed',
      'Cause: AnalysisFailed',
      'Measured: success-rate 0.91, wanted ≥ 0.95',
      'Failures: 2, 1 allowed',
      'Step: 3/6 setWeight 20',
      'Weight reached: 20%',
      'Serving: revision 7 (shop/checkout:1.3.9), 5/5 pods ready',
      'Images: shop/checkout:1.4.0',
      'Git: https://git.example/shop/deploy at 3f2a9c1, apps/checkout',
      'Analysis run: checkout-5c9-8-background',
      'Query: sum(rate(http_requests_total{code!~"5.."}[1m])) / sum(rate(http_requests_total[1m]))',
      'Next: revert the commit in Git, or try it again: kubectl -n shop annotate ...',
      'At: 2026-01-01T00:00:00.000Z',
    ].join('\n'),
  );
});

test('Slack gets escaped text in blocks within its limits', () => {
  const long = `<!channel> & ${'<'.repeat(6000)}`;
  const message = slackMessage(aNotice({}, { summary: long, query: long, next: long, serving: long }));
  const texts: string[] = [];
  const collect = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const [key, child] of Object.entries(value)) {
      if (key === 'text' && typeof child === 'string') texts.push(child);
      else collect(child);
    }
  };
  collect(message);
  expect(texts.length).toBeGreaterThan(8);
  for (const text of texts) {
    expect(text.length).toBeLessThanOrEqual(3000);
    expect(text).not.toMatch(/[<>]|&(?!amp;|lt;|gt;)/);
  }
  expect(message.blocks.length).toBeLessThanOrEqual(50);
  for (const block of message.blocks)
    for (const field of 'fields' in block ? (block.fields ?? []) : [])
      expect(field.text.length).toBeLessThanOrEqual(2000);
});

test('a webhook can be verified by its signature and told apart by its key', async () => {
  const receiver = await aReceiver();
  open.push(receiver);
  const notifier = createWebhookNotifier(() => 1_767_225_600_123);
  const target = {
    url: receiver.url,
    hmacKey: 'k3y',
    headers: { Authorization: 'Bearer x', 'X-Sluice-Signature': 'forged' },
  };
  await notifier.send(aNotice(), target, new AbortController().signal);
  const [{ headers, body } = { headers: {}, body: '' }] = receiver.received;
  const hex = createHmac('sha256', 'k3y').update(`1767225600.${body}`).digest('hex');
  expect(headers).toMatchObject({
    'x-sluice-signature': `sha256=${hex}`,
    'x-sluice-timestamp': '1767225600',
    'idempotency-key': 'uid-8-1-Aborted-1767225600000',
    authorization: 'Bearer x',
  });
  expect(JSON.parse(body)).toMatchObject({
    version: 1,
    event: 'Aborted',
    severity: 'critical',
    content: { rollout: 'checkout', failuresAllowed: 1 },
  });
});

const NOW = Date.parse('2026-01-01T00:30:00.000Z');

test('an alert lasts until its rollout recovers or is promoted, with the same labels', () => {
  const to = { url: 'http://am', labels: { team: 'shop', alertname: 'mine' } };
  const [begun] = alertsOf(aNotice(), to, NOW);
  expect(begun?.labels).toEqual({
    team: 'shop',
    alertname: 'SluiceRolloutAborted',
    namespace: 'shop',
    rollout: 'checkout',
    severity: 'critical',
  });
  expect(begun?.annotations).toMatchObject({
    measured: 'success-rate 0.91, wanted ≥ 0.95',
    next: expect.stringContaining('kubectl'),
  });
  for (const event of ['Recovered', 'Promoted'] as const) {
    const at = '2026-01-01T01:00:00.000Z';
    const ended = alertsOf(aNotice({ event, at }, { severity: 'info' }), to, NOW);
    expect(ended.map(({ labels }) => labels)).toContainEqual(begun?.labels);
    expect(ended.every(({ endsAt }) => endsAt === at)).toBe(true);
    expect(ended.map(({ labels }) => labels.alertname).sort()).toEqual([
      'SluiceRolloutAborted',
      'SluiceRolloutDegraded',
      'SluiceRolloutInvalid',
      'SluiceRolloutPaused',
      'SluiceRolloutStableLost',
    ]);
  }
  expect(alertsOf(aNotice({ event: 'Started' }), to, NOW)).toEqual([]);
});

test('an alert ends by itself five minutes after it was sent, however long ago it began', () => {
  const [begun] = alertsOf(aNotice(), { url: 'http://am' }, NOW);
  expect([begun?.startsAt, begun?.endsAt]).toEqual(['2026-01-01T00:00:00.000Z', '2026-01-01T00:35:00.000Z']);
  // The clock was set back: Alertmanager takes no alert that begins after its end.
  const [early] = alertsOf(aNotice(), { url: 'http://am' }, NOW - 3_600_000);
  expect([early?.startsAt, early?.endsAt]).toEqual(['2025-12-31T23:30:00.000Z', '2025-12-31T23:35:00.000Z']);
});

test('an alert that is sent again is the one that was sent, and ends nothing that has begun since', async () => {
  const receiver = await aReceiver();
  open.push(receiver);
  const { renew } = createAlertmanagerNotifier(() => NOW);
  await renew?.([aNotice()], { url: receiver.url, labels: { team: 'shop' } }, new AbortController().signal);
  const [first] = alertsOf(aNotice(), { url: '', labels: { team: 'shop' } }, NOW);
  expect(JSON.parse(receiver.received[0]?.body ?? '')).toEqual([first]);
});

test('alerts that are sent again do not wait for one that somebody made unreadable', async () => {
  const receiver = await aReceiver();
  open.push(receiver);
  const { renew } = createAlertmanagerNotifier(() => NOW);
  const forged = aNotice({}, { summary: 7 as unknown as string });
  const to = { url: receiver.url };
  const { signal } = new AbortController();
  expect(await renew?.([forged, aNotice({ event: 'Paused' })], to, signal)).toEqual({ result: 'delivered' });
  const sent = JSON.parse(receiver.received[0]?.body ?? '') as { labels: Record<string, string> }[];
  expect(sent.map(({ labels }) => labels['alertname'])).toEqual(['SluiceRolloutPaused']);
});
