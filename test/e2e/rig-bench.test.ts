import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readResult } from '../bench/report/stored-results.ts';
import type { SizeResult } from '../bench/results.ts';
import { skipUnless } from '../support/binaries/availability.ts';
import { makeTempFolder } from '../support/control-plane/temp-folder.ts';
import { rigAvailability } from '../support/rig/rig.ts';

const ROOT = join(import.meta.dirname, '../..');
/** The fewest of which a tenth is more than one. */
const SIZE = 20;
const SLOW_MS = 20 * 60_000;
/** Of a canary, on events and one per measurement apart, and its events: the aims of the bench. */
const MOST_WRITES = 25;
const MOST_EVENTS = 10;

/*
 * The bench itself, small: that it runs and reports, and what it counts. Counts do not depend on the machine; times do, so
 * they are not judged here.
 */
describe.skipIf(skipUnless(rigAvailability()))('npm run bench', () => {
  const folder = makeTempFolder('sluice-bench-test');
  let result: SizeResult;

  beforeAll(() => {
    execFileSync(process.execPath, [join(ROOT, 'tools/build.ts')], { cwd: ROOT });
    const args = [String(SIZE), '--phases', 'create,cold,tenth', '--out', folder.path];
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(ROOT, 'test/bench/run.ts'), ...args], {
      cwd: ROOT,
      encoding: 'utf8',
    });
    expect(status, `${stdout}\n${stderr}`).toBe(0);
    result = readResult(folder.path, SIZE) as SizeResult;
  }, SLOW_MS);

  afterAll(() => folder.remove());

  it('writes a table and plots of what it measured', () => {
    const report = readFileSync(join(folder.path, 'README.md'), 'utf8');
    expect(report).toContain(`N = ${SIZE}`);
    const plots = [...report.matchAll(/\((?<plot>[\w-]+\.svg)\)/g)].map(({ groups }) => groups?.['plot'] as string);
    expect(plots).toContain(`writes-over-time-${SIZE}.svg`);
    expect(plots.filter(plot => !existsSync(join(folder.path, plot)))).toEqual([]);
  });

  it('counts what a creation, a start and a canary cost, and all of it is within the aims', () => {
    expect(result.operatorEnds).toBe(0);
    // One write more is a status for pods that took longer.
    expect(result.create?.writesPerRollout).toBeGreaterThanOrEqual(6);
    expect(result.create?.writesPerRollout).toBeLessThan(7);
    expect(result.cold?.writes).toBe(0);
    const { canaries, promoted, otherWrites, events, arrivals, wastedWrites } = result.tenth ?? {};
    expect({ canaries, promoted, wastedWrites }).toEqual({ canaries: 2, promoted: 2, wastedWrites: 0 });
    expect(otherWrites?.max).toBeLessThanOrEqual(MOST_WRITES);
    expect(events?.max).toBeLessThanOrEqual(MOST_EVENTS);
    expect(arrivals).toEqual({ told: promoted && promoted * (events?.mean ?? 0), lost: 0, surplus: 0 });
  });
});
