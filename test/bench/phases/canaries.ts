import { isOperatorWrite, type Request } from '../measure/audit-record.ts';
import { byKind } from '../measure/by-kind.ts';
import { spreadOf } from '../measure/statistics.ts';
import { wastedWrites } from '../measure/wasted-writes.ts';
import type { CanaryResult } from '../results.ts';
import type { Bench } from '../world/bench.ts';
import { type Member, PAUSE_SECONDS } from '../world/fleet.ts';
import type { MemberState } from '../world/fleet-watch.ts';

/** What is remembered from the beginning of a delivery, to sum it up in the end. */
export interface Delivery {
  readonly members: readonly Member[];
  readonly image: string;
  readonly begun: number;
  readonly begunS: number;
  readonly appliedSeconds: number;
  readonly mark: number;
  readonly told: number;
  readonly measured: number;
}

/** Sends a new version to some members, all at once. */
export async function beginDelivery(bench: Bench, members: readonly Member[]): Promise<Delivery> {
  bench.changes.reset();
  const image = bench.nextImage();
  const mark = bench.audit.mark();
  const told = bench.told();
  const measured = bench.prometheus.answered();
  const begunS = bench.timeline.now;
  const begun = Date.now();
  await bench.change(members, image);
  return { members, image, begun, begunS, appliedSeconds: (Date.now() - begun) / 1000, mark, told, measured };
}

/**
 * Waits until each of a delivery is promoted, or aborted, which nobody wanted here. @returns when each was promoted, epoch
 * milliseconds. @throws Error with some that are neither
 */
export async function untilPromoted(bench: Bench, { members, image }: Delivery): Promise<ReadonlyMap<string, number>> {
  const keys = members.map(({ key }) => key);
  const promoted = ({ phase, stableImage }: MemberState) => phase === 'Healthy' && stableImage === image;
  const ended = (state: MemberState) => promoted(state) || state.phase === 'Aborted';
  const endedAt = await bench.fleet.until('promoted', keys, ended, bench.patience(members.length * 2));
  const lost = (key: string) => bench.fleet.state(key)?.phase === 'Aborted';
  return new Map([...endedAt].filter(([key]) => !lost(key)));
}

/** Sends a version to some members at once and follows all of it, until the pods of the old version are gone. */
export async function deliver(bench: Bench, members: readonly Member[]): Promise<CanaryResult> {
  const delivery = await beginDelivery(bench, members);
  const reachedAt = await untilPromoted(bench, delivery);
  const seconds = (Date.now() - delivery.begun) / 1000;
  if (reachedAt.size === members.length) await bench.settle();
  else await bench.calm();
  const requests = bench.audit.since(delivery.mark);
  const writes = requests.filter(isOperatorWrite);
  const events = writes.filter(({ resource }) => resource === 'events').length;
  const measurements = bench.prometheus.answered() - delivery.measured;
  const runStatuses = writes.filter(({ resource }) => resource === 'analysisruns/status').length;
  const wasted = wastedWrites(requests, bench.changes.changes);
  const per = (count: number) => count / members.length;
  return {
    canaries: members.length,
    promoted: reachedAt.size,
    seconds,
    pauseSeconds: PAUSE_SECONDS,
    each: spreadOf(changeToPromotion(requests, reachedAt)),
    appliedSeconds: delivery.appliedSeconds,
    writes: byKind(writes, members.length),
    writesPerCanary: per(writes.length - events),
    measurementsPerCanary: per(measurements),
    otherWritesPerCanary: per(writes.length - events - Math.min(measurements, runStatuses)),
    eventsPerCanary: per(events),
    eventsTold: bench.told() - delivery.told,
    eventsArrived: events,
    wastedWrites: wasted.count,
    wastedExamples: wasted.examples,
    unexplainedChanges: wasted.unexplained,
    peakRssMb: bench.timeline.peakMb(delivery.begunS),
  };
}

/** Seconds from the change of each member to its promotion. */
function changeToPromotion(requests: readonly Request[], reachedAt: ReadonlyMap<string, number>): number[] {
  return requests.flatMap(request => {
    if (request.resource !== 'rollouts' || isOperatorWrite(request)) return [];
    const reached = reachedAt.get(`${request.namespace}/${request.name}`);
    return reached === undefined ? [] : [(reached - request.atMs) / 1000];
  });
}
