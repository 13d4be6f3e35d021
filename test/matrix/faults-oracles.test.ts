import { describe, expect, it } from 'vitest';
import type { AuditEntry } from '../support/control-plane/audit-log.ts';
import type { ProxiedRequest } from '../support/fault-proxy/proxied-request.ts';
import { Trace } from '../support/fault-proxy/trace.ts';
import { unseenDeletions } from '../support/faults/answered-states.ts';
import { deliveriesOf } from '../support/faults/missed-states.ts';
import type { FaultyRun } from '../support/faults/run-story.ts';
import { StoryJudge } from '../support/faults/story-judge.ts';
import { LATE_MS } from '../support/faults/terms.ts';
import { toldEvents } from '../support/faults/told-events.ts';
import type { Change } from '../support/matrix/cluster-history.ts';
import type { Dwell } from '../support/matrix/traffic-story.ts';

const stored = (name: string, version: number): Change => {
  const metadata = { name, uid: name, resourceVersion: String(version) };
  return { plural: 'rollouts', name, uid: name, version: BigInt(version), at: 0, object: { metadata } };
};

/** What passed the proxy: `list 5`, `watch 5` from there on, `a 6` is the state of the object a at 6. */
function passed(...lines: readonly string[]): Trace {
  const trace = new Trace();
  for (const line of lines) {
    const [what = '', version = ''] = line.split(' ');
    if (what !== 'list' && what !== 'watch') {
      trace.event('MODIFIED', 'rollouts', { metadata: { name: what, uid: what, resourceVersion: version } });
      continue;
    }
    const query = new URLSearchParams(what === 'watch' ? { resourceVersion: version } : {});
    const entry = trace.open({ plural: 'rollouts', verb: what, query } as ProxiedRequest);
    entry.told = 200;
    if (what === 'list') entry.resourceVersion = version;
  }
  return trace;
}

describe('the oracle of watches', () => {
  const changes = [stored('a', 4), stored('a', 6), stored('b', 7), stored('a', 8)];

  it('finds nothing where each state came as an event, or in a list before the next watch', () => {
    const trace = passed('list 5', 'watch 5', 'a 6', 'list 7', 'watch 7', 'a 8');
    expect(deliveriesOf(trace, changes)).toEqual({ told: 2, listed: 2, kinds: ['rollouts'], missed: [] });
  });

  it('finds a state that a watch which goes on from a later version has jumped over', () => {
    const trace = passed('list 5', 'watch 5', 'a 6', 'watch 7', 'a 8');
    expect(deliveriesOf(trace, changes).missed).toEqual(['rollouts/b at 7: went on from 7 without it']);
  });

  it('does not take a list that comes after such a jump for an excuse', () => {
    const trace = passed('list 5', 'watch 5', 'a 6', 'watch 7', 'list 9', 'watch 9');
    expect(deliveriesOf(trace, changes).missed).toEqual(['rollouts/b at 7: went on from 7 without it']);
  });

  it('finds a last state of which nothing ever came', () => {
    const trace = passed('list 5', 'watch 5', 'a 6', 'b 7');
    expect(deliveriesOf(trace, changes).missed).toEqual(['rollouts/a at 8: never told']);
  });

  it('says nothing of kinds that are not followed', () => {
    expect(deliveriesOf(passed(), changes)).toEqual({ told: 0, listed: 0, kinds: [], missed: [] });
  });
});

const calm: FaultyRun = {
  ...{
    struck: true,
    strikes: ['status'],
    endState: {},
    deeds: {},
    events: {},
    trace: new Trace(),
    died: false,
    ms: 0,
  },
  traffic: { dwells: [], voids: [] },
  from: { request: 0, event: 0 },
  ...{ faultMs: 0, exposedMs: 0, recoveryMs: 0, busiest: 0, log: '' },
};

describe('the judge of a story under a fault', () => {
  const judge = new StoryJudge('promote', [calm, calm]);
  const voided = { ...calm, traffic: { dwells: [], voids: ['shop-canary had weight 20'] } };
  const excuse = (line: RegExp) => ({ excuses: [{ line, because: 'of this test' }] });

  it('finds fault with a run in which nothing went wrong', () => {
    expect(judge.findings(calm)).toEqual([]);
    expect(judge.findings({ ...calm, struck: false })).toEqual(['the fault never struck: the run proves nothing']);
  });

  it('excuses whole lines only', () => {
    expect(judge.findings(voided)).toEqual(['traffic: shop-canary had weight 20']);
    expect(judge.findings(voided, excuse(/^traffic: shop-canary had weight \d+$/))).toEqual([]);
    expect(judge.findings(voided, excuse(/^traffic: shop-canary$/))).toHaveLength(1);
    expect(() => judge.findings(voided, excuse(/^traffic/))).toThrow('whole line');
  });

  it('finds a recovery that takes too long, too many requests, and a bug in the log', () => {
    const bad = { ...calm, recoveryMs: 36_000, busiest: 151, log: 'fine\nTypeError: x is undefined' };
    expect(judge.findings(bad)).toHaveLength(3);
  });
});

describe('the judge of how long a canary had users under a fault', () => {
  const dwell = (weight: number, ms: number): Dwell => ({ weight, mostMs: ms, leastMs: ms });
  const users = (ms: number): FaultyRun => {
    const dwells = [dwell(0, 5_000), dwell(60, ms), dwell(0, 5_000)];
    return { ...calm, traffic: { dwells, voids: [] } };
  };
  const judge = new StoryJudge('abort', [users(1_000), users(1_000)]);
  const tooLong = [expect.stringMatching(/^weights: \d+ percent seconds/)];

  it('gives it twice its usual time, that of the fault, and what the terms say', () => {
    expect(judge.findings({ ...users(9_000), exposedMs: 2_000 }, { lateMs: 5_000 })).toEqual([]);
    expect(judge.findings({ ...users(9_001), exposedMs: 2_000 }, { lateMs: 5_000 })).toEqual(tooLong);
  });

  it('gives it an end when nothing is said', () => {
    expect(judge.findings(users(2_000 + LATE_MS.backoff))).toEqual([]);
    expect(judge.findings(users(2_001 + LATE_MS.backoff))).toEqual(tooLong);
  });

  it('does not give it the time of a fault that left the route alone', () => {
    const limits = { lateMs: 5_000, routeIsFree: true };
    expect(judge.findings({ ...users(7_000), exposedMs: 2_000 }, limits)).toEqual([]);
    expect(judge.findings({ ...users(7_001), exposedMs: 2_000 }, limits)).toEqual(tooLong);
  });
});

describe('deletions of the audit log', () => {
  const accepted = (name: string, status = 200): AuditEntry => ({
    ...{ user: 'anybody', verb: 'delete', resource: 'services', group: '', namespace: 'shop', name, status },
    ...{ atMs: 0, doneMs: 0, uri: '' },
  });
  const gone = (name: string): Change => ({ ...stored(name, 9), plural: 'services', object: undefined });

  it('find what a history has not seen go, each time that it went', () => {
    expect(unseenDeletions([accepted('a'), accepted('b', 404)], [gone('a')])).toEqual([]);
    expect(unseenDeletions([accepted('a'), accepted('a')], [gone('a')])).toEqual(['services/a: went 2 times, seen 1']);
    expect(unseenDeletions([accepted('a')], [stored('a', 8)])).toEqual(['services/a: went 1 times, seen 0']);
  });
});

describe('events that were told', () => {
  it('count a repetition for its reason, also when the event is older', () => {
    const trace = new Trace();
    const told = (index: number, name: string, body: object) => {
      const entry = trace.open({ index, plural: 'events', verb: 'create', name, body } as ProxiedRequest);
      entry.changed = true;
    };
    told(0, 'shop.1', { reason: 'Paused' });
    told(1, 'shop.1', { count: 2 });
    told(2, 'shop.2', { reason: 'Resumed' });
    expect(toldEvents(trace, 0)).toEqual({ Paused: 2, Resumed: 1 });
    expect(toldEvents(trace, 1)).toEqual({ Paused: 1, Resumed: 1 });
  });
});
