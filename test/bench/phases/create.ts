import { setTimeout as sleep } from 'node:timers/promises';
import type { ControlPlane } from '../../support/control-plane.ts';
import { isOperatorWrite } from '../measure/audit-record.ts';
import { byKind } from '../measure/by-kind.ts';
import { startBusyMeter } from '../measure/process-meter.ts';
import type { ControlResult } from '../results.ts';
import type { Bench } from '../world/bench.ts';
import { startBenchCluster } from '../world/bench-cluster.ts';
import { changeOf, type Member, membersOf, objectsOf, tenthOf } from '../world/fleet.ts';
import { FleetWatch, type MemberState } from '../world/fleet-watch.ts';
import { inParallel } from '../world/in-parallel.ts';
import { patiently } from '../world/patiently.ts';

/** Members that are created at once; each is four requests, one after the other. */
const AT_ONCE = 24;
const IMAGE = 'app:1.0.0';
const NEXT_IMAGE = 'app:2.0.0';
const SETTLED_MS = 3_000;
/** A Deployment of which nothing is known since it was changed. */
const CHANGED: MemberState = { phase: 'New', stableImage: undefined, canaryWeight: 0, pods: 0 };

/**
 * The pace of the control plane by itself: the same Services and routes with Deployments, and no Sluice. On a control
 * plane of its own, thrown away after it.
 */
export async function measureControlPace(size: number, timeoutMs: number): Promise<ControlResult> {
  const cluster = await startBenchCluster();
  const fleet = new FleetWatch(cluster.check);
  try {
    await fleet.start(cluster.plane.client, '/apis/apps/v1/deployments');
    const members = membersOf(size);
    const begun = Date.now();
    const busy = startBusyMeter();
    await createAll(cluster.plane, members, 'Deployment');
    await untilAvailable(fleet, members, timeoutMs);
    const createSeconds = (Date.now() - begun) / 1000;
    const createBusy = busy();
    await sleep(SETTLED_MS);
    const tenth = tenthOf(members);
    const changed = Date.now();
    await inParallel(tenth, AT_ONCE, async member => {
      const { path, object } = changeOf(member, NEXT_IMAGE, undefined, 'Deployment');
      // What the watch has shown of it is about the old version.
      fleet.see(member.key, CHANGED);
      await patiently(() => cluster.plane.client.patch(path, 'merge', object));
    });
    await untilAvailable(fleet, tenth, timeoutMs);
    return { createSeconds, createBusy, tenthSeconds: (Date.now() - changed) / 1000 };
  } finally {
    await fleet.stop();
    await cluster.stop();
  }
}

async function untilAvailable(fleet: FleetWatch, members: readonly Member[], timeoutMs: number): Promise<void> {
  const keys = members.map(({ key }) => key);
  await fleet.until('Deployments available', keys, ({ phase }) => phase === 'Available', timeoutMs);
}

/** Creates the whole fleet with the operator running, to all healthy. */
export async function runCreate(bench: Bench, control: ControlResult | undefined): Promise<void> {
  const operator = await bench.startOperator();
  await operator.untilLeading(60_000);
  await sleep(2_000);
  const rssBeforeMb = operator.rssMb() ?? Number.NaN;
  const mark = bench.audit.mark();
  const begun = Date.now();
  const meter = startBusyMeter();
  await createAll(bench.cluster.plane, bench.members, 'Rollout');
  const appliedSeconds = (Date.now() - begun) / 1000;
  const keys = bench.members.map(({ key }) => key);
  await bench.fleet.until('healthy', keys, ({ phase }) => phase === 'Healthy', bench.patience());
  const seconds = (Date.now() - begun) / 1000;
  const busy = meter();
  await bench.settle();
  const writes = bench.audit.since(mark).filter(isOperatorWrite);
  const events = writes.filter(({ resource }) => resource === 'events').length;
  bench.result.create = {
    seconds,
    appliedSeconds,
    control,
    writes: byKind(writes, bench.size),
    writesPerRollout: (writes.length - events) / bench.size,
    eventsPerRollout: events / bench.size,
    busy,
    rssBeforeMb,
  };
}

async function createAll(plane: ControlPlane, members: readonly Member[], workload: 'Rollout' | 'Deployment') {
  await inParallel(members, AT_ONCE, async member => {
    for (const { path, object } of objectsOf(member, workload, IMAGE))
      await patiently(() => plane.client.create(path, object));
  });
}
