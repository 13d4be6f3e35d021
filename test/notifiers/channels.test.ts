import { createHmac } from 'node:crypto';
import { afterEach, expect, test } from 'vitest';
import { alertsOf } from '../../src/notifiers/alertmanager.ts';
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

test('an alert lasts until its rollout recovers or is promoted, with the same labels', () => {
  const to = { url: 'http://am', labels: { team: 'shop', alertname: 'mine' } };
  const [begun] = alertsOf(aNotice(), to);
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
  expect(Date.parse(begun?.endsAt ?? '')).toBeGreaterThan(Date.parse(begun?.startsAt ?? ''));
  for (const event of ['Recovered', 'Promoted'] as const) {
    const at = '2026-01-01T01:00:00.000Z';
    const ended = alertsOf(aNotice({ event, at }, { severity: 'info' }), to);
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
  expect(alertsOf(aNotice({ event: 'Started' }), to)).toEqual([]);
});
