import { isOperatorAttempt, isOperatorWrite, memberKeyOf } from '../measure/audit-record.ts';
import { byKind } from '../measure/by-kind.ts';
import { countBy } from '../measure/count-by.ts';
import type { CanaryResult } from '../results.ts';
import type { Bench, Moment } from '../world/bench.ts';
import { type Member, PAUSE_SECONDS } from '../world/fleet.ts';
import type { MemberState } from '../world/fleet-watch.ts';
import { arrivalsSince } from './arrivals.ts';
import { countsOf, otherWrites } from './other-writes.ts';

/** What is remembered from the beginning of a delivery, to sum it up in the end. */
export interface Delivery {
  readonly members: readonly Member[];
  readonly image: string;
  readonly begun: number;
  readonly begunS: number;
  readonly appliedSeconds: number;
  readonly from: Moment;
  readonly told: ReadonlyMap<string, number>;
  readonly measured: ReadonlyMap<string, number>;
}

/** Sends a new version to some members, all at once. */
export async function beginDelivery(bench: Bench, members: readonly Member[]): Promise<Delivery> {
  const image = bench.nextImage();
  const from = bench.moment();
  const told = bench.told();
  const measured = bench.prometheus.answered();
  const begunS = bench.timeline.now;
  const begun = Date.now();
  await bench.change(members, image);
  return { members, image, begun, begunS, appliedSeconds: (Date.now() - begun) / 1000, from, told, measured };
}

/**
 * Waits until each of a delivery is promoted, or aborted, which nobody wanted here. @returns how many were promoted.
 * @throws Error with some that are neither
 */
export async function untilPromoted(bench: Bench, { members, image }: Delivery): Promise<number> {
  const keys = members.map(({ key }) => key);
  const promoted = ({ phase, stableImage }: MemberState) => phase === 'Healthy' && stableImage === image;
  const ended = (state: MemberState) => promoted(state) || state.phase === 'Aborted';
  await bench.fleet.until('promoted', keys, ended, bench.patience(members.length * 2));
  return keys.filter(key => bench.fleet.state(key)?.phase !== 'Aborted').length;
}

/** Sends a version to some members at once and follows all of it, until the pods of the old version are gone. */
export async function deliver(bench: Bench, members: readonly Member[]): Promise<CanaryResult> {
  const delivery = await beginDelivery(bench, members);
  const promoted = await untilPromoted(bench, delivery);
  const seconds = (Date.now() - delivery.begun) / 1000;
  if (promoted === members.length) await bench.settle();
  else await bench.calm();
  const requests = bench.audit.since(delivery.from.mark);
  const writes = requests.filter(isOperatorWrite);
  const events = writes.filter(({ resource }) => resource === 'events');
  const wasted = bench.wastedSince(delivery.from);
  return {
    canaries: members.length,
    promoted,
    seconds,
    pauseSeconds: PAUSE_SECONDS,
    appliedSeconds: delivery.appliedSeconds,
    writes: byKind(writes, members.length),
    writesPerCanary: (writes.length - events.length) / members.length,
    otherWrites: otherWrites(bench, { ...delivery, mark: delivery.from.mark }),
    refusedWrites: requests.filter(isOperatorAttempt).length - writes.length,
    events: countsOf(members, countBy(events, memberKeyOf)),
    arrivals: arrivalsSince(bench, delivery.from.mark, delivery.told),
    wastedWrites: wasted.count,
    unexplainedChanges: wasted.unexplained,
    peakRssMb: bench.timeline.peakMb(delivery.begunS),
  };
}
