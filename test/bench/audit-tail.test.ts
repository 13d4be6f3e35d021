import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RIG_USERS } from '../support/control-plane/users.ts';
import {
  AuditRecord,
  isOperatorAttempt,
  isOperatorRead,
  isOperatorWrite,
  memberKeyOf,
  preciseTime,
} from './measure/audit-record.ts';
import { LineTail } from './measure/line-tail.ts';
import { ToldEvents } from './measure/told-events.ts';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bench-tail-'));
  file = join(folder, 'audit.log');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const entry = (fields: Record<string, unknown> = {}) =>
  `${JSON.stringify({
    user: { username: RIG_USERS.operator.name },
    verb: 'patch',
    objectRef: { resource: 'rollouts', subresource: 'status', namespace: 'bench-1', name: 'app-1' },
    responseStatus: { code: 200 },
    requestReceivedTimestamp: '2026-11-21T10:00:00.000250Z',
    stageTimestamp: '2026-11-21T10:00:00.004750Z',
    ...fields,
  })}\n`;

describe('the tail of a log', () => {
  const read = (tail: LineTail) => {
    const lines: string[] = [];
    tail.read(line => lines.push(line));
    return lines;
  };

  it('waits for a file that is not there yet', () => {
    const tail = new LineTail(file);
    expect(read(tail)).toEqual([]);
    writeFileSync(file, 'one\n');
    expect(read(tail)).toEqual(['one']);
    tail.close();
  });

  it('hands on each line once, and a torn one when it is whole', () => {
    writeFileSync(file, 'one\ntw');
    const tail = new LineTail(file);
    expect(read(tail)).toEqual(['one']);
    appendFileSync(file, 'o\nthree\n');
    expect(read(tail)).toEqual(['two', 'three']);
    expect(read(tail)).toEqual([]);
    tail.close();
  });

  it('keeps a character together that is torn between two reads', () => {
    const bytes = Buffer.from('größe\n');
    writeFileSync(file, bytes.subarray(0, 3));
    const tail = new LineTail(file);
    expect(read(tail)).toEqual([]);
    appendFileSync(file, bytes.subarray(3));
    expect(read(tail)).toEqual(['größe']);
    tail.close();
  });

  it('reads lines that are longer than one chunk, and many of them', () => {
    const long = 'x'.repeat((1 << 20) + 77);
    writeFileSync(file, `${long}\n${'y\n'.repeat(1000)}${long}\n`);
    const tail = new LineTail(file);
    const lines = read(tail);
    expect(lines).toHaveLength(1002);
    expect([lines[0], lines[1001]].every(line => line === long)).toBe(true);
    tail.close();
  });
});

describe('the record of an audit log', () => {
  it('knows what came after a mark, with microseconds', () => {
    writeFileSync(file, entry());
    const record = new AuditRecord(file);
    const mark = record.mark();
    appendFileSync(file, entry({ verb: 'get' }));
    const [request, ...others] = record.since(mark);
    expect(others).toEqual([]);
    expect(request).toMatchObject({ verb: 'get', resource: 'rollouts/status', namespace: 'bench-1', name: 'app-1' });
    expect((request?.doneMs ?? 0) - (request?.atMs ?? 0)).toBeCloseTo(4.5, 2);
    expect(record.last(isOperatorWrite)?.verb).toBe('patch');
    record.close();
  });

  it('counts as writes of the operator what it asked for and got, its lease apart', () => {
    const lines = [
      entry(),
      entry({ user: { username: RIG_USERS.admin.name } }),
      entry({ responseStatus: { code: 409 } }),
      entry({ objectRef: { resource: 'leases', namespace: 'sluice-system', name: 'sluice-operator' } }),
      entry({ verb: 'list' }),
    ];
    writeFileSync(file, lines.join(''));
    const record = new AuditRecord(file);
    const requests = record.since(0);
    expect(requests.map(isOperatorWrite)).toEqual([true, false, false, false, false]);
    expect(requests.map(isOperatorAttempt)).toEqual([true, false, true, false, false]);
    expect(requests.map(isOperatorRead)).toEqual([false, false, false, false, true]);
    record.close();
  });

  it('tells times with and without fractions', () => {
    const whole = Date.parse('2026-11-21T10:00:00Z');
    expect(preciseTime('2026-11-21T10:00:00.123456Z') - whole).toBeCloseTo(123.456, 3);
    expect(preciseTime('2026-11-21T10:00:00Z')).toBe(whole);
    expect(preciseTime('soon')).toBeNaN();
  });

  it('finds the Rollout that an object belongs to, and never another one whose name begins alike', () => {
    const of = (name: string) => memberKeyOf({ namespace: 'bench-1', name });
    expect(of('app-1')).toBe('bench-1/app-1');
    expect(of('app-1-stable')).toBe('bench-1/app-1');
    expect(of('app-1.18c0ffee')).toBe('bench-1/app-1');
    expect(of('app-12-77d8f')).toBe('bench-1/app-12');
    expect(of('sluice-operator')).toBeUndefined();
  });
});

describe('the events that the operator says it told', () => {
  it('are counted by Rollout, a repeat at once as one, and what is no line of its log not at all', () => {
    const told = new ToldEvents();
    const line = (second: number, fields: Record<string, string>) =>
      told.read(JSON.stringify({ time: new Date(second * 1000).toISOString(), ...fields }));
    const paused = { message: 'waits', reason: 'Paused', rollout: 'bench-0/app-0' };
    line(1, paused);
    line(2, paused);
    line(20, paused);
    line(20, { ...paused, rollout: 'bench-0/app-1' });
    line(21, { message: 'synced' });
    told.read('<--- Last few GCs --->');
    expect([...told.byRollout]).toEqual([
      ['bench-0/app-0', 2],
      ['bench-0/app-1', 1],
    ]);
  });
});
