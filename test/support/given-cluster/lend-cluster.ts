import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findOnPath } from '../binaries/find-on-path.ts';
import { runProgram } from '../binaries/run-program.ts';
import { makeTempFolder } from '../control-plane/temp-folder.ts';
import { RIG_USERS, type RigUser } from '../control-plane/users.ts';
import { GIVEN_CLUSTER_FILE, type GivenCluster } from './cluster-file.ts';
import { startRelay } from './relay.ts';

/*
 * `lend-cluster.ts KUBECONFIG COMMAND [ARG ...]`: runs a command whose tests use a cluster that is there already, such as one
 * of envtest: a control plane without nodes, since the tests bring their own. Users of the tests become service accounts with
 * tokens, and a Unix socket leads to the API server, which a network namespace does not cut off. All of it is removed again.
 */
const DEPLOY = join(import.meta.dirname, '../../../deploy');
const RIG_NAMESPACE = 'sluice-rig';
const OPERATOR = { namespace: 'sluice-system', name: 'sluice' };
const LEFTOVERS = ['clusterrolebinding/sluice-rig', 'namespace/sluice-rig', 'node/rig-node'];

type Kubectl = (words: readonly string[], stdin?: string) => Promise<string>;

/** Address and authority of the current context. The certificate must be good for 127.0.0.1, as envtest's and kind's are. */
async function serverOf(kubectl: Kubectl): Promise<{ host: string; port: number; caPem: string }> {
  const text = await kubectl(['config', 'view', '--raw', '--minify', '--flatten', '-o', 'json']);
  const { clusters } = JSON.parse(text) as { clusters: { cluster: Record<string, string | undefined> }[] };
  const cluster = clusters[0]?.cluster ?? {};
  const url = new URL(cluster['server'] ?? '');
  const data = cluster['certificate-authority-data'];
  if (url.protocol !== 'https:' || data === undefined)
    throw new Error('the given kubeconfig needs an https server and its certificate authority');
  return { host: url.hostname, port: Number(url.port || 443), caPem: Buffer.from(data, 'base64').toString() };
}

const accountOf = (user: RigUser) =>
  user === 'operator' ? OPERATOR : { namespace: RIG_NAMESPACE, name: user.toLowerCase() };

async function makeTokens(kubectl: Kubectl): Promise<Record<RigUser, string>> {
  const users = Object.keys(RIG_USERS) as RigUser[];
  const accounts = users.map(user => ({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: accountOf(user) }));
  const namespaces = [RIG_NAMESPACE, OPERATOR.namespace].map(name => ({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name },
  }));
  const admins = users.filter(user => user !== 'operator' && user !== 'nobody');
  const binding = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: RIG_NAMESPACE },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
    subjects: admins.map(user => ({ kind: 'ServiceAccount', ...accountOf(user) })),
  };
  const items = [...namespaces, ...accounts, binding];
  await kubectl(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
  const tokens: Partial<Record<RigUser, string>> = {};
  for (const user of users) {
    const { namespace, name } = accountOf(user);
    tokens[user] = (await kubectl(['-n', namespace, 'create', 'token', name, '--duration=3h'])).trim();
  }
  return tokens as Record<RigUser, string>;
}

/** Pods of the tests would be run by real nodes, which have no such images. */
async function refuseNodes(kubectl: Kubectl): Promise<void> {
  const nodes = (await kubectl(['get', 'nodes', '-o', 'name'])).trim();
  if (nodes !== '' && nodes !== 'node/rig-node')
    throw new Error(
      'the given cluster has nodes; the tests run their pods themselves and need a control plane without',
    );
}

async function lend(kubeconfig: string, command: string, args: readonly string[]): Promise<number> {
  const found = findOnPath('kubectl');
  if (found === undefined) throw new Error('a given cluster needs kubectl on PATH');
  const kubectl: Kubectl = (words, stdin) =>
    runProgram(found, [`--kubeconfig=${kubeconfig}`, ...words], stdin === undefined ? {} : { stdin });
  const { host, port, caPem } = await serverOf(kubectl);
  await refuseNodes(kubectl);
  const folder = makeTempFolder('sluice-given');
  const socket = join(folder.path, 'api.sock');
  const relay = await startRelay({ path: socket }, { host, port });
  try {
    const file = join(folder.path, 'cluster.json');
    const given: GivenCluster = { socket, caPem, tokens: await makeTokens(kubectl) };
    writeFileSync(file, JSON.stringify(given), { mode: 0o600 });
    const child = spawn(command, args, { stdio: 'inherit', env: { ...process.env, [GIVEN_CLUSTER_FILE]: file } });
    return await new Promise<number>(resolve => child.on('close', status => resolve(status ?? 1)));
  } finally {
    relay.close();
    await kubectl(['delete', '--ignore-not-found', '--wait=false', '-k', DEPLOY]);
    await kubectl(['delete', '--ignore-not-found', '--wait=false', ...LEFTOVERS]);
    await folder.remove();
  }
}

const [kubeconfig, command, ...args] = process.argv.slice(2);
if (kubeconfig === undefined || command === undefined)
  throw new Error('usage: lend-cluster.ts KUBECONFIG COMMAND [ARG ...]');
process.exit(await lend(kubeconfig, command, args));
