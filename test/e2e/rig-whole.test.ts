import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { skipUnless } from '../support/binaries/availability.ts';
import { makeTempFolder } from '../support/control-plane/temp-folder.ts';
import { eventually } from '../support/eventually.ts';
import { type Rig, rigAvailability, startRig } from '../support/rig/rig.ts';

const BUILD_MS = 20 * 60_000;
const SLOW_MS = 120_000;

describe.skipIf(skipUnless(rigAvailability()))('the whole rig', () => {
  let rig: Rig;
  const folder = makeTempFolder('sluice-whole-rig-test');
  const before = new Set<string>();
  const left = () => [...readdirSync(folder.path), ...processesHere().filter(one => !before.has(one))];

  beforeAll(async () => {
    vi.stubEnv('TMPDIR', folder.path);
    for (const one of processesHere()) before.add(one);
    rig = await startRig({ operator: [] });
    console.log(`whole rig up: ${JSON.stringify(rig.startMs)}`);
  }, BUILD_MS);

  afterAll(async () => {
    await rig?.stop();
    vi.unstubAllEnvs();
    await folder.remove();
  }, SLOW_MS);

  it('starts in less than 20 seconds', () => {
    expect(rig.startMs['all']).toBeLessThan(20_000);
  });

  it(
    'sends traffic through Traefik by weight, and alerts through Alertmanager to their receiver',
    async () => {
      const team = await rig.team('whole');
      const client = await team.begin({ tag: '1.0.0', gates: [], steps: [{ setWeight: 30 }, { pause: {} }] });
      await team.release({ tag: '1.1.0' });
      await team.untilStatus('paused at 30 %', status => status.pause?.reason === 'PauseStep');
      expect(await team.weight()).toBe(30);
      const before = client.answers().length;
      await team.until('200 requests at that weight', () => client.answers().length > before + 200);
      await team.command('abort');
      await team.untilStatus('aborted', status => status.phase === 'Aborted');
      await team.until('the alert has arrived', () => team.alerts('SluiceRolloutAborted').length > 0);
      expect(team.alerts('SluiceRolloutAborted')[0]).toMatchObject({ status: 'firing', labels: { rollout: 'shop' } });
      const report = await client.check();
      expect(report.weights).toContain(30);
      expect(report.byVersion['1.1.0']).toBeGreaterThan(30);
      await team.stop();
    },
    SLOW_MS,
  );

  it(
    'leaves no process and no folder behind when it is stopped',
    async () => {
      expect(left().length).toBeGreaterThan(12);
      await rig.stop();
      expect(left()).toEqual([]);
    },
    SLOW_MS,
  );
});

describe.skipIf(skipUnless(rigAvailability()))('a whole rig whose process dies', () => {
  it.each(['SIGINT', 'SIGKILL'] as const)(
    'leaves no process and no folder behind after %s',
    async signal => {
      const folder = makeTempFolder('sluice-whole-rig-test');
      const before = new Set(processesHere());
      const left = () => [...readdirSync(folder.path), ...processesHere().filter(one => !before.has(one))];
      const script = `
      import { startRig } from ${JSON.stringify(join(import.meta.dirname, '../support/rig/rig.ts'))};
      const rig = await startRig({ operator: [] });
      console.log('up');
      setInterval(() => {}, 1000);`;
      const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
        stdio: ['ignore', 'pipe', 'inherit'],
        env: { ...process.env, TMPDIR: folder.path },
        // A group of its own, for Ctrl-C reaches the whole group of a terminal.
        detached: true,
      });
      const failed = once(child, 'exit').then(() => expect.fail('the rig did not start'));
      await Promise.race([once(child.stdout, 'data'), failed]);
      failed.catch(() => undefined);
      expect(left().length).toBeGreaterThan(12);
      const gone = once(child, 'exit');
      process.kill(signal === 'SIGINT' ? -Number(child.pid) : Number(child.pid), signal);
      await gone;
      await eventually('all is gone', () => left().length === 0, SLOW_MS).catch(() => expect(left()).toEqual([]));
      await folder.remove();
    },
    SLOW_MS,
  );
});

/** Processes in this network namespace, which is that of the tests alone. */
function processesHere(): string[] {
  const network = (pid: string) => readlinkSync(`/proc/${pid}/ns/net`);
  return readdirSync('/proc').filter(name => {
    try {
      return /^\d+$/.test(name) && network(name) === network('self');
    } catch {
      return false;
    }
  });
}
