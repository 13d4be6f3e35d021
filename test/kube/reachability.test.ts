import { beforeEach, describe, expect, it } from 'vitest';
import { Reachability } from '../../src/kube/reachability.ts';
import { FakeClock } from '../support/fake-clock.ts';

let clock: FakeClock;
let server: Reachability;

beforeEach(() => {
  clock = new FakeClock();
  server = new Reachability(clock);
});

/** How a wait of 30 s ended: by its time, by the server, or not within this many milliseconds. */
async function waitFor(ms: number, happens: () => void = () => undefined): Promise<string> {
  const stop = new AbortController();
  let ended = 'still waits';
  const wait = server.wait(30_000, stop.signal).then(isBack => {
    ended = isBack ? 'server' : 'time';
  });
  happens();
  await clock.advance(ms);
  const seen = ended;
  stop.abort();
  await wait;
  return seen;
}

describe('a wait for the API server', () => {
  it('ends by its time', async () => {
    expect(await waitFor(29_999)).toBe('still waits');
    expect(await waitFor(30_000)).toBe('time');
  });

  it.each([
    ['no answer', { status: 0, code: 'transient' }],
    ['an error of the server', { status: 503 }],
    ['an error of the load balancer before it', { status: 502 }],
  ])('ends when the server is back after %s', async (_, away) => {
    server.note(away);
    expect(await waitFor(0)).toBe('still waits');
    expect(await waitFor(0, () => server.note({ status: 200 }))).toBe('server');
  });

  it.each([
    ['refusals of a server that is starting', [{ status: 0, code: 'transient' }, { status: 403 }, { status: 429 }]],
    ['answers of a server that was never away', [{ status: 200 }, { status: 201 }]],
    ['an error about one object', [{ status: 500 }, { status: 200 }]],
    ['requests that were given up or held back', [{ status: 0, code: 'aborted' }, { status: 200 }]],
  ])('goes on through %s', async (_, answers) => {
    expect(await waitFor(0, () => answers.forEach(answer => void server.note(answer)))).toBe('still waits');
  });

  it('ends once in ten seconds when the server comes and goes', async () => {
    const flicker = () => {
      server.note({ status: 0, code: 'transient' });
      server.note({ status: 200 });
    };
    expect(await waitFor(0, flicker)).toBe('server');
    expect(await waitFor(9_000, flicker)).toBe('still waits');
    await clock.advance(1_000);
    expect(await waitFor(0, flicker)).toBe('server');
  });

  it('ends though the server was back shortly before it went away again', async () => {
    server.note({ status: 0, code: 'transient' });
    server.note({ status: 200 });
    await clock.advance(3_000);
    server.note({ status: 0, code: 'transient' });
    expect(await waitFor(0, () => server.note({ status: 200 }))).toBe('still waits');
    await clock.advance(7_000);
    expect(await waitFor(0, () => server.note({ status: 200 }))).toBe('server');
  });

  it('leaves nothing behind when it was stopped', async () => {
    const stop = new AbortController();
    const wait = server.wait(30_000, stop.signal);
    stop.abort();
    expect([await wait, clock.pending]).toEqual([false, 0]);
  });
});
