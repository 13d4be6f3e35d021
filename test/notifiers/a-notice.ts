import type { NoticeContent } from '../../src/api/notice.ts';
import type { Notice } from '../../src/notifiers/notifier.ts';

/** An abort with all of its evidence. */
export function aNotice(fields: Partial<Notice> = {}, content: Partial<NoticeContent> = {}): Notice {
  const event = fields.event ?? 'Aborted';
  return {
    id: 'uid-8-1-Aborted-1767225600000',
    event,
    at: '2026-01-01T00:00:00.000Z',
    ...fields,
    content: {
      namespace: 'shop',
      rollout: 'checkout',
      event,
      severity: 'critical',
      summary: 'success-rate 0.91 (wanted: ≥ 0.95); 2 failed, 1 allowed',
      cause: 'AnalysisFailed',
      metric: 'success-rate',
      measured: '0.91',
      threshold: '≥ 0.95',
      query: 'sum(rate(http_requests_total{code!~"5.."}[1m])) / sum(rate(http_requests_total[1m]))',
      analysisRun: 'checkout-5c9-8-background',
      failures: 2,
      failuresAllowed: 1,
      step: '3/6 setWeight 20',
      weight: 20,
      revision: 8,
      images: ['shop/checkout:1.4.0'],
      repository: 'https://git.example/shop/deploy',
      commit: '3f2a9c1',
      path: 'apps/checkout',
      serving: 'revision 7 (shop/checkout:1.3.9), 5/5 pods ready',
      next: 'revert the commit in Git, or try it again: kubectl -n shop annotate ...',
      ...content,
    },
  };
}
