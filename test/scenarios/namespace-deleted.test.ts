import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { RIG_USERS } from '../support/control-plane/users.ts';
import { describeOnRig, SCENARIO_MS } from '../support/rig/describe-on-rig.ts';
import { isPausedAndMeasured, weightsSince } from '../support/rig/expect-team.ts';
import { HALFWAY, isPromoted, operatorWrites, QUIET_MS } from './scene.ts';

const GONE_MS = 60_000;

describeOnRig('a namespace that is deleted in the middle of a canary', rig => {
  it(
    'is gone within a minute; the operator neither spins nor keeps others waiting',
    async () => {
      const { operator, plane } = rig();
      const [doomed, spared] = await Promise.all([rig().team('doomed'), rig().team('spared')]);
      const [doomedClient, client] = await Promise.all([
        doomed.begin({ tag: '1.0.0', steps: HALFWAY }),
        spared.begin({ tag: '1.0.0' }),
      ]);
      await doomed.release({ tag: '1.1.0' });
      await doomed.untilStatus('waits at 40 %', isPausedAndMeasured);
      await spared.release({ tag: '1.1.0' });
      const before = doomedClient.answers().length;
      await doomed.until('100 requests at 40 %', () => doomedClient.answers().length > before + 100);

      const fromMs = Date.now();
      await plane.kubectl(['delete', 'namespace', 'doomed', '--wait=false']);
      // Up to then all of its requests were answered; from then on there may be nobody.
      const until = await doomedClient.check({ except: { fromMs, toMs: Number.POSITIVE_INFINITY } });
      expect(until.weights).toContain(40);
      await doomed.until(
        'the namespace is gone',
        async () => (await plane.kubectl(['get', 'namespaces', '-o', 'name'])).includes('namespace/doomed') === false,
        GONE_MS,
      );
      const goneMs = Date.now();
      await sleep(QUIET_MS);
      const writes = plane.auditEntries({
        user: RIG_USERS.operator.name,
        namespace: 'doomed',
        writes: true,
        sinceMs: fromMs,
      });
      // Refused because the namespace is leaving, gone, or has moved on: a few for each kind, not one for each moment.
      expect(writes.filter(({ status }) => status >= 400).length).toBeLessThanOrEqual(20);
      expect(operatorWrites(rig(), doomed, fromMs).length).toBeLessThanOrEqual(60);
      expect(writes.filter(({ atMs }) => atMs > goneMs + 1_000)).toEqual([]);
      const reads = plane
        .auditEntries({ user: RIG_USERS.operator.name, namespace: 'doomed', sinceMs: goneMs + 1_000 })
        .filter(({ verb }) => verb !== 'watch');
      expect(reads).toEqual([]);

      await spared.untilStatus('the other team is promoted', isPromoted(2));
      expect(weightsSince(spared, 0)).toEqual([0, 20, 60, 100, 0]);
      const { weights } = await client.check();
      expect(weights).toEqual(expect.arrayContaining([20, 60]));
      expect(operator.ended()).toBe(false);
      expect(operator.log()).not.toMatch(/"level":"error"|TypeError|unhandled|uncaught/i);

      // The same name once more is another namespace with another Rollout.
      await doomed.stop();
      const again = await rig().team('doomed');
      const next = await again.begin({ tag: '2.0.0', steps: HALFWAY });
      await again.release({ tag: '2.1.0' });
      await again.untilStatus('waits at 40 %', isPausedAndMeasured);
      expect(await again.column('.status.stable.revision')).toBe('1');
      await next.check();
      await Promise.all([again.stop(), spared.stop()]);
    },
    SCENARIO_MS,
  );
});
