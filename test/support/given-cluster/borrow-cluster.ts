import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findOnPath } from '../binaries/find-on-path.ts';
import { runProgram } from '../binaries/run-program.ts';
import { ApiClient } from '../control-plane/api-client.ts';
import { kubeconfig } from '../control-plane/kubeconfig.ts';
import { makeTempFolder } from '../control-plane/temp-folder.ts';
import { RIG_USERS, type RigUser } from '../control-plane/users.ts';
import type { ControlPlane } from '../control-plane.ts';
import { GIVEN_CLUSTER_FILE, type GivenCluster } from './cluster-file.ts';
import { startRelay } from './relay.ts';

/** The cluster that was lent to these tests, if one was: the same shape as one of their own, without an audit log. */
export async function borrowCluster(): Promise<ControlPlane | undefined> {
  const path = process.env[GIVEN_CLUSTER_FILE];
  if (path === undefined) return undefined;
  const started = Date.now();
  const given = JSON.parse(readFileSync(path, 'utf8')) as GivenCluster;
  const relay = await startRelay({ port: 0, host: '127.0.0.1' }, { path: given.socket });
  const access = {
    server: `https://127.0.0.1:${relay.port}`,
    token: given.tokens.admin,
    caPem: given.caPem,
  };
  const folder = makeTempFolder('sluice-borrowed');
  const file = (user: RigUser) => join(folder.path, `${user}.kubeconfig`);
  for (const user of Object.keys(RIG_USERS) as RigUser[])
    writeFileSync(file(user), kubeconfig(access, RIG_USERS[user].name, given.tokens[user]), { mode: 0o600 });
  const client = new ApiClient(access);
  return {
    name: 'real',
    ...access,
    kubeconfigPath: file('admin'),
    startMs: Date.now() - started,
    folder: folder.path,
    client,
    userToken: user => given.tokens[user],
    userKubeconfig: file,
    kubectl: (args, stdin) =>
      runProgram(
        findOnPath('kubectl') ?? 'kubectl',
        [`--kubeconfig=${file('admin')}`, ...args],
        stdin === undefined ? {} : { stdin },
      ),
    auditEntries: () => {
      throw new Error('a cluster that was given has no audit log that the tests could read');
    },
    pid: () => {
      throw new Error('the processes of a cluster that was given are not here');
    },
    restartApiserver: notRestarted,
    restartEtcd: notRestarted,
    stop: async () => {
      client.close();
      relay.close();
      await folder.remove();
    },
  };
}

async function notRestarted(): Promise<void> {
  throw new Error('a cluster that was given is not restarted');
}
