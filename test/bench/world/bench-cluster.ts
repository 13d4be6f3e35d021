import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiClient } from '../../support/control-plane/api-client.ts';
import { applyFolder, applyObjects } from '../../support/control-plane/apply-folder.ts';
import { type ChildProgram, startChildProgram } from '../../support/control-plane/child-program.ts';
import { applyGatewayApiCrds } from '../../support/control-plane/gateway-api.ts';
import { type ControlPlane, startControlPlane } from '../../support/control-plane.ts';
import { BENCH_AUDIT_POLICY } from '../measure/audit-policy.ts';
import { cpuSeconds } from '../measure/process-meter.ts';
import { NAMESPACES } from './fleet.ts';

const ROOT = join(import.meta.dirname, '../../..');

/** A fresh control plane with all that a fleet needs, apart from the operator. */
export interface BenchCluster {
  readonly plane: ControlPlane;
  /** CPU seconds that each program has used so far. */
  cpu(): Record<string, number>;
  /** @throws Error with its last words when a program has ended: nothing would become of what is waited for */
  check(): void;
  stop(): Promise<void>;
}

/**
 * History is thrown away each minute instead of every five: etcd's default quota of 2 GB then holds all that 5000 Rollouts
 * write. The log is never rotated, since it is read while it grows.
 */
const APISERVER_FLAGS = ['--etcd-compaction-interval=1m', '--audit-log-maxsize=1000000'];

/** Starts the control plane, applies definitions and RBAC, and runs kubelet and gateway as programs of their own. */
export async function startBenchCluster(): Promise<BenchCluster> {
  const plane = await startControlPlane({
    operatorIsClusterAdmin: false,
    auditPolicy: BENCH_AUDIT_POLICY,
    apiserverFlags: APISERVER_FLAGS,
  });
  const children: ChildProgram[] = [];
  const stop = async () => {
    for (const child of children) await child.stop();
    await plane.stop();
  };
  try {
    await applyGatewayApiCrds(plane.client);
    await applyFolder(plane.client, join(ROOT, 'crds'));
    await plane.kubectl(['apply', '-k', join(ROOT, 'deploy')]);
    const namespaces = Array.from({ length: NAMESPACES }, (_, i) => ({ metadata: { name: `bench-${i}` } }));
    await applyObjects(
      plane.client,
      namespaces.map(namespace => ({ apiVersion: 'v1', kind: 'Namespace', ...namespace })),
    );
    await eventually(() => isServed(plane.client));
    for (const role of ['kubelet', 'gateway'] as const) {
      const args = [join(import.meta.dirname, 'world-process.ts'), role, plane.userKubeconfig(role)];
      children.push(await startChildProgram(process.execPath, args, join(plane.folder, `${role}.log`)));
    }
    await warmUp(plane.client);
  } catch (error) {
    await stop();
    throw error;
  }
  const [kubelet, gateway] = children;
  const pids = {
    etcd: plane.pid('etcd'),
    'kube-apiserver': plane.pid('kube-apiserver'),
    'kube-controller-manager': plane.pid('kube-controller-manager'),
    kubelet: kubelet?.pid ?? 0,
    gateway: gateway?.pid ?? 0,
    bench: process.pid,
  };
  const cpu = () => Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, cpuSeconds(pid) ?? 0]));
  let gone: string | undefined;
  const looking = setInterval(() => {
    gone ??= Object.entries(pids).find(([, pid]) => cpuSeconds(pid) === undefined)?.[0];
  }, LOOK_MS);
  const check = () => {
    if (gone === undefined) return;
    throw new Error(`${gone} has ended:\n${readFileSync(join(plane.folder, `${gone}.log`), 'utf8').slice(-2_000)}`);
  };
  const stopLooking = async () => {
    clearInterval(looking);
    await stop();
  };
  return { plane, cpu, check, stop: stopLooking };
}

const WARM_UP_MS = 60_000;
const LOOK_MS = 1_000;

/** The new kinds are served some seconds after their definitions were accepted. @throws ApiFailure until then */
async function isServed(client: ApiClient): Promise<true> {
  for (const plural of ['rollouts', 'analysisruns', 'metricproviders', 'clusteranalysistemplates'])
    await client.list(`/apis/sluice.dev/v1alpha1/${plural}`);
  await client.list('/apis/gateway.networking.k8s.io/v1/httproutes');
  return true;
}

/** Waits until one Deployment has its pods: the first is slow, since the controllers only now begin. */
async function warmUp(client: ApiClient): Promise<void> {
  const labels = { app: 'warm-up' };
  const template = { metadata: { labels }, spec: { containers: [{ name: 'app', image: 'app:1.0.0' }] } };
  const deployments = '/apis/apps/v1/namespaces/default/deployments';
  const spec = { replicas: 2, selector: { matchLabels: labels }, template };
  await client.create(deployments, { metadata: { name: 'warm-up' }, spec });
  const available = async () => {
    const { status } = await client.get(`${deployments}/warm-up`);
    return (status as { availableReplicas?: number } | undefined)?.availableReplicas === 2;
  };
  await eventually(available);
  await client.delete(`${deployments}/warm-up`);
}

async function eventually(holds: () => Promise<boolean>): Promise<void> {
  let last: unknown = 'not yet';
  for (const deadline = Date.now() + WARM_UP_MS; Date.now() < deadline; await sleep(100)) {
    try {
      if (await holds()) return;
    } catch (error) {
      last = error;
    }
  }
  throw new Error(`the control plane did not begin to work: ${last}`);
}
