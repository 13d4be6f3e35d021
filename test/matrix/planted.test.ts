import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { skipUnless } from '../support/binaries/availability.ts';
import { controlPlaneAvailability } from '../support/control-plane.ts';
import type { ProxiedRequest } from '../support/fault-proxy/proxied-request.ts';
import { Judge } from '../support/matrix/judge-run.ts';
import { type MatrixRig, startMatrixRig } from '../support/matrix/matrix-rig.ts';
import type { Outcome } from '../support/matrix/outcome.ts';
import { likenessOfWrite } from '../support/matrix/plan.ts';
import { runPlan } from '../support/matrix/run-plan.ts';
import { TERMS } from '../support/matrix/terms.ts';
import { WORKLOADS } from '../support/matrix/workloads.ts';

const RIG_MS = 20 * 60_000;
const STORY_MS = 120_000;
/** How long the API server asks the operator to wait before it takes its traffic home. */
const LATE_SECONDS = 12;
const ROUTE_WRITE = 'patch httproutes shop';
/** In a JSON patch of a route: no weight for the canary. */
const GOES_HOME = '/1/weight","value":0}';

describe.skipIf(skipUnless(controlPlaneAvailability()))('what the matrix must find, planted in a real run', () => {
  const workload = WORKLOADS['abort'];
  if (!workload) throw new Error('there is no workload abort');
  let rig: MatrixRig;
  let references: readonly Outcome[];
  beforeAll(async () => {
    rig = await startMatrixRig();
    references = await Promise.all(['learn-1', 'learn-2'].map(name => runPlan(rig, workload, `planted-${name}`)));
  }, RIG_MS);
  afterAll(async () => {
    await rig?.stop();
  }, RIG_MS);

  it('an abort that leaves the canary its weight for too long', { timeout: STORY_MS }, async () => {
    const judge = new Judge(workload, references);
    let until: number | undefined;
    // Refused once, it may be tried again at once: news of a verdict does not wait for a Retry-After.
    const when = (request: ProxiedRequest) => {
      if (likenessOfWrite(request) !== ROUTE_WRITE || !JSON.stringify(request.body).includes(GOES_HOME)) return false;
      until ??= performance.now() + LATE_SECONDS * 1_000;
      return performance.now() < until;
    };
    const fault = { kind: 'status', status: 429, retryAfter: LATE_SECONDS } as const;
    const rule = { when, times: Number.POSITIVE_INFINITY, fault };
    const late = await runPlan(rig, workload, 'planted-late', { rule });
    expect(late.trace.entries.filter(entry => entry.fault !== undefined).length).toBeGreaterThan(0);
    expect(judge.late(late, TERMS.lost)).toEqual([expect.stringMatching(/^weights: \d+ percent seconds/)]);
    // All else is as it should be: nothing but that limit stands between such a run and a green matrix.
    expect(judge.findings(late, TERMS.lost)).toEqual([]);
    expect(references.flatMap(run => judge.late(run, TERMS.lost))).toEqual([]);
  });
});
