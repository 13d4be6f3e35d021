import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { memberKeyOf } from '../measure/audit-record.ts';

/** A Prometheus whose answer the bench turns bad, for all or for some of the fleet. */
export interface StubPrometheus {
  readonly url: string;
  /** From now on these members (`namespace/name`) measure badly. */
  turnBad(keys: readonly string[]): void;
  /** All is good again, and first bad answers are forgotten. */
  turnGood(): void;
  /** When a member was first answered badly since the last {@link turnGood}, epoch milliseconds. */
  firstBadAt(key: string): number | undefined;
  /** Queries answered so far, by member. */
  answered(): ReadonlyMap<string, number>;
  stop(): Promise<void>;
}

/** Success rates of real services are never the same twice, so that each measurement has something new to show. */
const good = (answers: number) => (0.95 + ((answers * 7) % 50) / 1000).toFixed(3);
const BAD = '0.5';

/** Starts it on a free port of loopback. */
export async function startStubPrometheus(): Promise<StubPrometheus> {
  const bad = new Set<string>();
  const firstBad = new Map<string, number>();
  const answers = new Map<string, number>();
  const server = createServer((request, response) => {
    const query = new URL(request.url ?? '/', 'http://stub').searchParams.get('query') ?? '';
    const [, namespace = '', name = ''] = /namespace="([^"]+)",set="([^"]+)"/.exec(query) ?? [];
    const key = memberKeyOf({ namespace, name }) ?? '';
    const isBad = bad.has(key);
    const before = answers.get(key) ?? 0;
    const value = [Date.now() / 1000, isBad ? BAD : good(before)];
    // Before it is sent: on a busy machine what it leads to may be stored before this line came after it.
    if (isBad && !firstBad.has(key)) firstBad.set(key, Date.now());
    response.setHeader('content-type', 'application/json');
    response.end(
      JSON.stringify({ status: 'success', data: { resultType: 'vector', result: [{ metric: {}, value }] } }),
    );
    answers.set(key, before + 1);
  });
  server.keepAliveTimeout = 60_000;
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    turnBad: keys => {
      for (const key of keys) bad.add(key);
    },
    turnGood: () => {
      bad.clear();
      firstBad.clear();
    },
    firstBadAt: key => firstBad.get(key),
    answered: () => new Map(answers),
    stop: async () => {
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
    },
  };
}
