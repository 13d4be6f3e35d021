import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Availability } from './binaries/availability.ts';
import {
  type ControlPlaneBinaries,
  controlPlaneBinariesAvailability,
  ensureControlPlaneBinaries,
} from './binaries/control-plane-binaries.ts';
import { runProgram } from './binaries/run-program.ts';
import { ApiClient } from './control-plane/api-client.ts';
import { AUDIT_POLICY, type AuditEntry, type AuditFilter, readAuditLog } from './control-plane/audit-log.ts';
import { type ChildProgram, startChildProgram } from './control-plane/child-program.ts';
import { apiserverFlags, controllerManagerFlags, etcdFlags, type Ports } from './control-plane/flags.ts';
import { freePorts } from './control-plane/free-ports.ts';
import { kubeconfig } from './control-plane/kubeconfig.ts';
import { makeTempFolder } from './control-plane/temp-folder.ts';
import { makeTokens, RIG_USERS, type RigUser, tokenFile } from './control-plane/users.ts';
import { borrowCluster } from './given-cluster/borrow-cluster.ts';
import { GIVEN_CLUSTER_FILE } from './given-cluster/cluster-file.ts';

/** A running Kubernetes control plane of a test's own, on 127.0.0.1. */
export interface ControlPlane {
  readonly name: 'real';
  /** `https://127.0.0.1:port`. */
  readonly server: string;
  /** The admin's bearer token. */
  readonly token: string;
  /** The certificate authority of the server, PEM. */
  readonly caPem: string;
  /** The admin's kubeconfig file. */
  readonly kubeconfigPath: string;
  /** Milliseconds from the start of etcd to everything ready. */
  readonly startMs: number;
  /** Folder of data and logs (`etcd.log`, `kube-apiserver.log`, ...), removed on stop. */
  readonly folder: string;
  /** Client as the admin; closed on stop. */
  readonly client: ApiClient;
  userToken(user: RigUser): string;
  userKubeconfig(user: RigUser): string;
  /** Runs kubectl as the admin; resolves with its standard output. */
  kubectl(args: readonly string[], stdin?: string): Promise<string>;
  /** Finished requests from the audit log, oldest first. `filter.user` is the full user name (RIG_USERS[user].name). */
  auditEntries(filter?: AuditFilter): AuditEntry[];
  /** Processes of the control plane, to look at and to signal. */
  pid(program: ControlPlaneProgram): number;
  /** Kills the API server, leaves it away for a while, starts it anew on the same port, and waits until it is ready. */
  restartApiserver(downMs?: number): Promise<void>;
  /** The same with etcd, which comes back with the data that it had. */
  restartEtcd(downMs?: number): Promise<void>;
  stop(): Promise<void>;
}

/** The programs of a control plane. */
export type ControlPlaneProgram = 'etcd' | 'kube-apiserver' | 'kube-controller-manager';

/** How to start a control plane. */
export interface ControlPlaneOptions {
  /** Extra flags, for example `--min-request-timeout=5`. */
  readonly apiserverFlags?: readonly string[];
  readonly controllerManagerFlags?: readonly string[];
  /** Gives the operator's user cluster-admin (default). Set false where the suite applies the real RBAC. */
  readonly operatorIsClusterAdmin?: boolean;
  /** Audit policy; each finished request without bodies when absent. */
  readonly auditPolicy?: string;
  /** Time to become ready after the programs are built; 60 s when absent. */
  readonly readyTimeoutMs?: number;
}

const START_TRIES = 3;

/** Whether there is a control plane: Go to build it, a built one, `KUBEBUILDER_ASSETS`, or a cluster that was given. */
export function controlPlaneAvailability(): Availability {
  if (process.env[GIVEN_CLUSTER_FILE] !== undefined) return { available: true };
  return controlPlaneBinariesAvailability();
}

/**
 * The cluster that SLUICE_E2E_KUBECONFIG names, or else: starts etcd, kube-apiserver and kube-controller-manager, building them first when they never were (minutes, once).
 * Everything is killed and removed by `stop`, and also when this process dies in any way. Tries again on other ports
 * when a program ends early, since another process may have taken a port in between.
 */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const borrowed = await borrowCluster();
  if (borrowed) return borrowed;
  const binaries = await ensureControlPlaneBinaries();
  for (let tries = 1; ; tries++) {
    try {
      return await startOnce(binaries, options);
    } catch (error) {
      if (tries === START_TRIES || !(error instanceof EndedEarly)) throw error;
    }
  }
}

class EndedEarly extends Error {}

async function startOnce(binaries: ControlPlaneBinaries, options: ControlPlaneOptions): Promise<ControlPlane> {
  const started = Date.now();
  const folder = makeTempFolder('sluice-rig');
  const programs = new Map<string, ChildProgram>();
  const stop = async () => {
    // Last started, first stopped: an API server without its etcd waits in vain.
    for (const program of [...programs.values()].toReversed()) await program.stop();
    await folder.remove();
  };
  try {
    const tokens = makeTokens();
    const ports = await choosePorts();
    const file = (name: string) => join(folder.path, name);
    writeStartFiles(file, tokens, options.auditPolicy ?? AUDIT_POLICY);
    const start = async (name: string, path: string, flags: string[]) => {
      const program = await startChildProgram(path, flags, file(`${name}.log`));
      programs.set(name, program);
    };
    const deadline = started + (options.readyTimeoutMs ?? 60_000);
    const startEtcd = () => start('etcd', binaries.etcd, etcdFlags(file, ports));
    await startEtcd();
    const startApiserver = () =>
      start('kube-apiserver', binaries.apiserver, [...apiserverFlags(file, ports), ...(options.apiserverFlags ?? [])]);
    await startApiserver();
    const access = { server: `https://127.0.0.1:${ports.apiserver}`, token: tokens.admin, caPem: '' };
    await waitFor(programs, deadline, async () => {
      access.caPem = authorityOf(readFileSync(file('apiserver.crt'), 'utf8'));
      return await answersOk(access, '/readyz');
    });
    for (const user of Object.keys(RIG_USERS) as RigUser[])
      writeFileSync(file(`${user}.kubeconfig`), kubeconfig(access, RIG_USERS[user].name, tokens[user]), {
        mode: 0o600,
      });
    const client = new ApiClient(access);
    if (binaries.controllerManager !== undefined) {
      const flags = [...controllerManagerFlags(file, ports), ...(options.controllerManagerFlags ?? [])];
      await start('kube-controller-manager', binaries.controllerManager, flags);
    }
    if (options.operatorIsClusterAdmin !== false) await grantOperator(client);
    await waitFor(programs, deadline, () => controllersRun(client, binaries.controllerManager !== undefined));
    const restart = async (program: ControlPlaneProgram, again: () => Promise<void>, downMs = 0) => {
      await programs.get(program)?.stop();
      await sleep(downMs);
      await again();
      await waitFor(programs, Date.now() + 60_000, () => answersOk(access, '/readyz'));
    };
    return {
      ...access,
      ...conveniences(file, tokens, client, binaries, stop),
      startMs: Date.now() - started,
      folder: folder.path,
      pid: program => programs.get(program)?.pid ?? 0,
      restartApiserver: downMs => restart('kube-apiserver', startApiserver, downMs),
      restartEtcd: downMs => restart('etcd', startEtcd, downMs),
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function conveniences(
  file: (name: string) => string,
  tokens: Record<RigUser, string>,
  client: ApiClient,
  binaries: ControlPlaneBinaries,
  stop: () => Promise<void>,
): Omit<
  ControlPlane,
  'server' | 'token' | 'caPem' | 'startMs' | 'folder' | 'pid' | 'restartApiserver' | 'restartEtcd'
> {
  const kubeconfigPath = file('admin.kubeconfig');
  return {
    name: 'real',
    kubeconfigPath,
    client,
    userToken: user => tokens[user],
    userKubeconfig: user => file(`${user}.kubeconfig`),
    kubectl: (args, stdin) =>
      runProgram(
        binaries.kubectl,
        [`--kubeconfig=${kubeconfigPath}`, `--cache-dir=${file('kubectl-cache')}`, ...args],
        {
          ...(stdin !== undefined && { stdin }),
        },
      ),
    auditEntries: filter => readAuditLog(file('audit.log'), filter),
    stop: async () => {
      client.close();
      await stop();
    },
  };
}

async function choosePorts(): Promise<Ports> {
  const [etcd, etcdPeer, apiserver, controllerManager] = (await freePorts(4)) as [number, number, number, number];
  return { etcd, etcdPeer, apiserver, controllerManager };
}

function writeStartFiles(file: (name: string) => string, tokens: Record<RigUser, string>, auditPolicy: string): void {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  writeFileSync(file('sa.pub'), publicKey.export({ type: 'spki', format: 'pem' }));
  writeFileSync(file('sa.key'), privateKey.export({ type: 'pkcs1', format: 'pem' }), { mode: 0o600 });
  writeFileSync(file('tokens.csv'), tokenFile(tokens), { mode: 0o600 });
  writeFileSync(file('audit-policy.json'), auditPolicy);
}

/** kube-apiserver makes its own serving certificate and writes it followed by the authority that signed it. */
function authorityOf(chain: string): string {
  const certificates = chain.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/g) ?? [];
  const authority = certificates.find(pem => new X509Certificate(pem).ca);
  if (authority === undefined) throw new Error('the API server has not written its certificates yet');
  return authority;
}

async function answersOk(access: { server: string; token: string; caPem: string }, path: string): Promise<boolean> {
  const client = new ApiClient(access);
  try {
    await client.call('GET', path);
    return true;
  } finally {
    client.close();
  }
}

/** The API server alone is not enough: the controllers must be seen to act, here on a Deployment without replicas. */
async function controllersRun(client: ApiClient, expected: boolean): Promise<boolean> {
  if (!expected) return true;
  const name = 'rig-probe';
  const path = '/apis/apps/v1/namespaces/default/deployments';
  const probe = await client.get(`${path}/${name}`).catch(() => undefined);
  if (probe === undefined) {
    const labels = { app: name };
    const template = { metadata: { labels }, spec: { containers: [{ name, image: name }] } };
    await client.create(path, {
      metadata: { name },
      spec: { replicas: 0, selector: { matchLabels: labels }, template },
    });
    return false;
  }
  const status = probe.status as { observedGeneration?: number } | undefined;
  if (status?.observedGeneration === undefined) return false;
  await client.delete(`${path}/${name}`);
  return true;
}

async function grantOperator(client: ApiClient): Promise<void> {
  await client.create('/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
    metadata: { name: 'rig-operator' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: RIG_USERS.operator.name }],
  });
}

async function waitFor(
  started: ReadonlyMap<string, ChildProgram>,
  deadline: number,
  ready: () => Promise<boolean>,
): Promise<void> {
  const programs = [...started.values()];
  let last: unknown;
  while (Date.now() < deadline) {
    const dead = programs.find(program => program.ended());
    if (dead !== undefined) throw new EndedEarly(`${dead.name} ended before it was ready:\n${dead.tail()}`);
    try {
      if (await ready()) return;
    } catch (error) {
      last = error;
    }
    await sleep(50);
  }
  throw new Error(
    `the control plane was not ready in time: ${last}\n${programs.map(program => program.tail()).join('\n')}`,
  );
}
