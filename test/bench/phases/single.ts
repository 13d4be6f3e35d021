import { setTimeout as sleep } from 'node:timers/promises';
import { isOfOperator, isOperatorWrite, memberKeyOf, type Request } from '../measure/audit-record.ts';
import { spreadOf } from '../measure/statistics.ts';
import type { Bench } from '../world/bench.ts';
import type { Member } from '../world/fleet.ts';

const SAMPLES = 100;
/** Between two changes, so that each finds the operator at rest. */
const APART_MS = 300;
const GIVEN_UP_MS = 5_000;

/** One change at a time: how long until the operator writes about it for the first time. */
export async function runSingle(bench: Bench): Promise<void> {
  const image = bench.nextImage();
  const asked: number[] = [];
  const accepted: number[] = [];
  const answered: number[] = [];
  const members = bench.members.slice(0, SAMPLES);
  for (const member of members) {
    const stable = bench.fleet.state(member.key)?.stableImage ?? image;
    const mark = bench.audit.mark();
    await bench.change([member], image);
    const seen = await firstWrite(bench, member, mark);
    if (seen !== undefined) {
      asked.push(seen.write.atMs - seen.change.atMs);
      accepted.push(seen.change.doneMs - seen.change.atMs);
      answered.push(seen.write.atMs - seen.change.doneMs);
    }
    await sleep(APART_MS);
    // Taken back at once: a hundred canaries in flight would be another question.
    await bench.change([member], stable);
    await sleep(APART_MS);
  }
  const missed = members.length - asked.length;
  bench.result.single = { asked: spreadOf(asked), accepted: spreadOf(accepted), answered: spreadOf(answered), missed };
}

async function firstWrite(
  bench: Bench,
  { key }: Member,
  mark: number,
): Promise<{ change: Request; write: Request } | undefined> {
  for (const deadline = Date.now() + GIVEN_UP_MS; Date.now() < deadline; await sleep(20)) {
    const requests = bench.audit.since(mark).filter(request => memberKeyOf(request) === key);
    const change = requests.find(request => request.resource === 'rollouts' && !isOfOperator(request));
    const writes = requests.filter(request => isOperatorWrite(request) && request.resource !== 'events');
    const write = writes.toSorted((a, b) => a.atMs - b.atMs).find(({ atMs }) => atMs >= (change?.atMs ?? Infinity));
    if (change !== undefined && write !== undefined) return { change, write };
  }
  return undefined;
}
