import { expect, it } from 'vitest';
import type { RolloutStatus } from '../../src/api/rollout-status.ts';
import { toTime } from '../../src/api/time.ts';
import type { KubeObject } from '../../src/kube/kube-object.ts';
import { Reporter, type ReporterParts } from '../../src/operator/report.ts';
import { FakeClock } from '../support/fake-clock.ts';

const ROLLOUT: KubeObject = {
  apiVersion: 'sluice.dev/v1alpha1',
  kind: 'Rollout',
  metadata: { name: 'shop', namespace: 'shop', uid: 'u' },
};
const serving = (reason: string) => ({
  conditions: [{ type: 'Serving', status: 'True' as const, reason, message: '', lastTransitionTime: toTime(0) }],
});
const weight = (actualCanary: number) => ({ weights: { canary: 0, stable: 100, actualCanary } });

/** Seconds that a Rollout took to send its users home, told as these statuses, one second after the other. */
async function toldAfter(...states: Partial<RolloutStatus>[]): Promise<number[]> {
  const clock = new FakeClock();
  const told: number[] = [];
  const nothing = () => undefined;
  const reporter = new Reporter({
    clock,
    metrics: { rollout: nothing, abort: nothing, reverted: (seconds: number) => told.push(seconds) },
    recorder: { record: nothing },
    log: { info: nothing, warn: nothing },
    courier: { consider: nothing },
  } as unknown as ReporterParts);
  const abort: RolloutStatus['abort'] = {
    at: toTime(clock.now()),
    cause: 'AbortedByCommand',
    reason: 'AbortedByCommand',
    message: 'aborted',
    revision: 2,
    podTemplateHash: 'abc',
  };
  for (const [nth, state] of states.entries()) {
    const status: RolloutStatus = { phase: 'Aborted', abort, ...state };
    const facts = nth === 0 ? [{ reason: 'Aborted' as const, warning: true, note: 'aborted' }] : [];
    reporter.report('shop/shop', ROLLOUT, { status, facts }, true);
    await clock.advance(1000);
  }
  return told;
}

it('a revert is over once the route is at 0 %', async () => {
  expect(await toldAfter(weight(20), weight(20), weight(0), weight(0))).toEqual([2]);
});

it('a revert without weights is over once the stable revision serves', async () => {
  expect(await toldAfter(serving('NewRevisionServes'), serving('StableServes'), serving('StableServes'))).toEqual([1]);
  expect(await toldAfter(serving('StableServes'))).toEqual([0]);
  // Their Service still leads to the new pods, of which none is ready.
  expect(await toldAfter(serving('NoReadyPods'), serving('NoReadyPods'), serving('StableServes'))).toEqual([2]);
});
