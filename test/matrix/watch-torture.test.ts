import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { skipUnless } from '../support/binaries/availability.ts';
import { controlPlaneAvailability } from '../support/control-plane.ts';
import { Fleet } from '../support/faults/fleet.ts';
import { busiestOf, unhandled } from '../support/faults/run-story.ts';
import { Scene } from '../support/faults/scene.ts';
import { seeded } from '../support/faults/seeded.ts';
import { percentile, tortureWatches } from '../support/faults/torture.ts';
import { type MatrixRig, startMatrixRig } from '../support/matrix/matrix-rig.ts';

const SECONDS = Number(process.env.SLUICE_TORTURE ?? 60);
const SEED = Number(process.env.SLUICE_TORTURE_SEED ?? 1);
const FLEET = 10;
const MEAN_PAUSE_MS = 400;
const P99_MS = 2_000;

describe.skipIf(skipUnless(controlPlaneAvailability()))('watches under torture', () => {
  let rig: MatrixRig;

  beforeAll(async () => {
    // Real ends of watches after five seconds, and a history of ten.
    rig = await startMatrixRig({ apiserverFlags: ['--min-request-timeout=5', '--etcd-compaction-interval=10s'] });
  }, 20 * 60_000);
  afterAll(async () => await rig?.stop(), 120_000);

  it('miss no change, and the operator reacts to each in time', { timeout: (SECONDS + 240) * 1_000 }, async () => {
    const scene = await Scene.open(rig, 'torture', { longestMs: (SECONDS + 120) * 1_000 });
    const fleet = new Fleet(scene.stage, FLEET, seeded(SEED));
    await fleet.deploy();
    const from = scene.proxy.trace.entries.length;
    const torture = tortureWatches(scene.proxy, seeded(SEED + 1), MEAN_PAUSE_MS);
    await fleet.change(SECONDS * 1_000);
    await torture.stop();
    const unsettled = await fleet.unsettled();
    const times = fleet.reactions.flatMap(({ ms }) => ms ?? []);
    const busiest = busiestOf(scene.proxy.trace, from);
    const p = (share: number) => `${percentile(times, share)} ms`;
    const watches = scene.proxy.trace.entries.filter(({ request }) => request.verb === 'watch').length;
    const relists = scene.proxy.trace.entries
      .slice(from)
      .filter(({ request }) => request.verb === 'list' && request.plural !== 'pods').length;
    console.log(
      `torture: ${SECONDS} s, ${fleet.reactions.length} changes, reactions p50 ${p(0.5)}, p95 ${p(0.95)}, p99 ${p(0.99)}, max ${p(1)}; ` +
        `${watches} watches, ${relists} lists, ${scene.proxy.trace.events.length} events, at most ${busiest} requests in 10 s; ` +
        JSON.stringify(torture.done),
    );
    await scene.close();
    expect(unsettled).toEqual([]);
    expect(fleet.reactions.filter(({ ms }) => ms === undefined)).toEqual([]);
    expect(fleet.reactions.length).toBeGreaterThan(SECONDS);
    expect(percentile(times, 0.99)).toBeLessThan(P99_MS);
    expect(scene.died).toBe(false);
    expect(unhandled(scene.log())).toEqual([]);
  });
});
