import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureAlertmanager } from '../binaries/alertmanager-binary.ts';
import { startChildProgram } from '../control-plane/child-program.ts';
import { freePorts } from '../control-plane/free-ports.ts';
import { makeTempFolder } from '../control-plane/temp-folder.ts';
import { waitUntilReady } from './wait-until-ready.ts';

/** A running Alertmanager of a test's own. */
export interface Alertmanager {
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/** Starts a real Alertmanager that sends every alert, one by one and at once, to a webhook. */
export async function startAlertmanager(receiverUrl: string): Promise<Alertmanager> {
  const program = await ensureAlertmanager();
  const folder = makeTempFolder('sluice-alertmanager');
  const [port] = (await freePorts(1)) as [number];
  const config = join(folder.path, 'alertmanager.yml');
  writeFileSync(config, configuration(receiverUrl));
  const flags = [
    `--config.file=${config}`,
    `--storage.path=${join(folder.path, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
    // Empty: no gossip with peers, thus no waiting for them.
    '--cluster.listen-address=',
    '--log.level=warn',
  ];
  const child = await startChildProgram(program.path, flags, join(folder.path, 'alertmanager.log'), {
    ...(program.cwd !== undefined && { cwd: program.cwd }),
  });
  const stop = async () => {
    await child.stop();
    await folder.remove();
  };
  const url = `http://127.0.0.1:${port}`;
  await waitUntilReady(child, `${url}/-/ready`).catch(async error => {
    await stop();
    throw error;
  });
  return { url, pid: child.pid, stop };
}

/** The configuration file (JSON is YAML). */
function configuration(receiverUrl: string): string {
  return JSON.stringify({
    route: {
      receiver: 'test',
      // Every alert is a group of its own: no alert waits for another one.
      group_by: ['...'],
      group_wait: '10ms',
      group_interval: '1s',
      repeat_interval: '24h',
    },
    receivers: [{ name: 'test', webhook_configs: [{ url: receiverUrl, send_resolved: true }] }],
  });
}
