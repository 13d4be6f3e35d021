import { readFileSync } from 'node:fs';
import type { ControlPlane } from '../control-plane.ts';

/** Puts the alarm that etcd raises when its disk is full, or takes it back. While it stands, nothing can be written. */
export async function etcdIsFull(plane: ControlPlane, full: boolean): Promise<void> {
  const args = readFileSync(`/proc/${plane.pid('etcd')}/cmdline`, 'utf8').split('\0');
  const url = args.find(arg => arg.startsWith('--listen-client-urls='))?.split('=')[1];
  const body = JSON.stringify({ action: full ? 'ACTIVATE' : 'DEACTIVATE', memberID: '0', alarm: 'NOSPACE' });
  const answer = await fetch(`${url}/v3/maintenance/alarm`, { method: 'POST', body });
  if (!answer.ok) throw new Error(`etcd: ${answer.status} ${await answer.text()}`);
}
