import { join } from 'node:path';
import { alertmanagerAvailability, ensureAlertmanager } from '../binaries/alertmanager-binary.ts';
import type { Availability } from '../binaries/availability.ts';
import { ensureControlPlaneBinaries } from '../binaries/control-plane-binaries.ts';
import { ensureTraefik, traefikAvailability } from '../binaries/traefik-binary.ts';
import { applyObjects, readManifests } from '../control-plane/apply-folder.ts';
import { freePorts } from '../control-plane/free-ports.ts';
import { applyGatewayApiCrds } from '../control-plane/gateway-api.ts';
import { makeTempFolder } from '../control-plane/temp-folder.ts';
import {
  type ControlPlane,
  type ControlPlaneOptions,
  controlPlaneAvailability,
  startControlPlane,
} from '../control-plane.ts';
import { type FakeKubelet, type FakeKubeletOptions, startFakeKubelet } from '../fake-kubelet.ts';
import { type Prometheus, startPrometheus } from '../prometheus.ts';
import { ensurePrometheus, prometheusAvailability } from '../prometheus-binary.ts';
import { type AlertReceiver, startAlertReceiver } from './alert-receiver.ts';
import { type Alertmanager, startAlertmanager } from './alertmanager.ts';
import { type RigOperator, startRigOperator } from './rig-operator.ts';
import { makeTeam, type Team } from './team.ts';
import { startTraefik, TRAEFIK_CONTROLLER, type Traefik } from './traefik.ts';

/** A whole installation: everything real but the kubelet, whose pods are HTTP servers on addresses of their own. */
export interface Rig {
  readonly plane: ControlPlane;
  readonly kubelet: FakeKubelet;
  readonly prometheus: Prometheus;
  readonly alertmanager: Alertmanager;
  /** Where Alertmanager sends what it is told. */
  readonly receiver: AlertReceiver;
  readonly traefik: Traefik;
  /** `file_sd` targets of all ready pods, for a Prometheus of a test's own. */
  readonly targetsFile: string;
  /** Milliseconds that each part took, `all` from the call to ready; binaries are built and fetched before. */
  readonly startMs: Readonly<Record<string, number>>;
  /** The operator that was started last. */
  readonly operator: RigOperator;
  /** Starts an operator, from the source or from a bundle; others keep running. Stopped with the rig. */
  startOperator(flags?: readonly string[], program?: string): Promise<RigOperator>;
  /** A namespace with all that a team has in Git but the Rollout. */
  team(name: string): Promise<Team>;
  stop(): Promise<void>;
}

/** How to start a rig. */
export interface RigOptions {
  /** Flags of an operator that is started with it; `false`: none is. */
  readonly operator?: readonly string[] | false;
  readonly plane?: ControlPlaneOptions;
  readonly kubelet?: Omit<FakeKubeletOptions, 'mode' | 'targetsFile'>;
}

const ROOT = join(import.meta.dirname, '../../..');

/** Long enough for the gateway to learn that a pod is going, on a machine that is busy. */
const DRAIN_MS = 2_500;

/** Whether the whole rig can run here; it needs reachable pods, thus the network namespace of the tests. */
export function rigAvailability(): Availability {
  const parts = [
    controlPlaneAvailability(),
    prometheusAvailability(),
    alertmanagerAvailability(),
    traefikAvailability(),
  ];
  const missing = parts.find(part => !part.available);
  if (missing !== undefined) return missing;
  if (process.env['SLUICE_NETWORK_NAMESPACE'] === '1') return { available: true };
  return { available: false, why: 'the whole rig needs the network namespace of the tests: root, `unshare` and `ip`' };
}

/** Starts all parts, those at once that do not need each other. Cleaned up by `stop`, or when this process dies in any way. */
export async function startRig(options: RigOptions = {}): Promise<Rig> {
  await Promise.all([ensureControlPlaneBinaries(), ensurePrometheus(), ensureAlertmanager(), ensureTraefik()]);
  const parts: { stop(): Promise<void> }[] = [];
  const stop = async () => {
    for (const part of parts.splice(0).toReversed()) await part.stop();
  };
  try {
    return await startParts(options, parts, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startParts(
  options: RigOptions,
  parts: { stop(): Promise<void> }[],
  stop: () => Promise<void>,
): Promise<Rig> {
  const startMs: Record<string, number> = {};
  const begun = Date.now();
  const timed = async <T>(name: string, work: Promise<T>): Promise<T> => {
    const from = Date.now();
    const result = await work;
    startMs[name] = Date.now() - from;
    return result;
  };
  const keep = async <T extends { stop(): Promise<void> }>(name: string, work: Promise<T>): Promise<T> => {
    const part = await timed(name, work);
    parts.push(part);
    return part;
  };
  const folder = makeTempFolder('sluice-whole-rig');
  parts.push({ stop: folder.remove });
  const targetsFile = join(folder.path, 'targets.json');
  const [web, own] = (await freePorts(2)) as [number, number];
  const receiver = await keep('receiver', startAlertReceiver());

  const [plane, alertmanager, prometheus] = await allSettledOrThrow([
    keep('plane', startControlPlane({ operatorIsClusterAdmin: false, ...options.plane })),
    keep('alertmanager', startAlertmanager(receiver.url)),
    keep('prometheus', startPrometheus({ targetsFile, scrapeIntervalMs: 500 })),
  ]);
  const operators: RigOperator[] = [];
  const startOperator = async (flags: readonly string[] = [], program?: string) => {
    const operator = await startRigOperator(plane.userKubeconfig('operator'), flags, program);
    parts.push(operator);
    operators.push(operator);
    return operator;
  };
  const kubeletAccess = { ...plane, token: plane.userToken('kubelet') };
  const kubeletOptions = { drainMs: DRAIN_MS, ...options.kubelet, mode: 'http', targetsFile } as const;
  const definitions = timed('gateway API', applyGatewayApiCrds(plane.client));
  const sluice = timed('sluice', installSluice(plane, prometheus.url));
  const [kubelet, traefik] = await allSettledOrThrow([
    keep('kubelet', startFakeKubelet(kubeletAccess, kubeletOptions)),
    definitions.then(() => keep('traefik', startGateway(plane, web, own))),
    Promise.all([definitions, sluice]).then(async () => {
      if (options.operator !== false) await timed('operator', startOperator(options.operator));
    }),
  ]);
  if (kubelet.mode !== 'http') throw new Error(`the rig needs pods that can be reached: ${kubelet.why}`);
  startMs['all'] = Date.now() - begun;
  const rig = {
    ...{ plane, kubelet, prometheus, alertmanager, receiver, traefik, targetsFile, startMs, startOperator, stop },
    get operator(): RigOperator {
      const last = operators.at(-1);
      if (last === undefined) throw new Error('no operator was started: call rig.startOperator() first');
      return last;
    },
    team: (name: string) => makeTeam(rig, name),
  };
  return rig;
}

/** As Promise.all, but waits for all before it fails: what was still starting must be known to be stopped. */
async function allSettledOrThrow<T extends readonly unknown[]>(
  work: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(work);
  return (await Promise.all(work)) as { -readonly [K in keyof T]: Awaited<T[K]> };
}

/** As the README says, plus the MetricProvider of those that name none. */
async function installSluice(plane: ControlPlane, prometheusUrl: string): Promise<void> {
  await plane.kubectl(['apply', '-k', join(ROOT, 'deploy')]);
  const provider = `
apiVersion: sluice.dev/v1alpha1
kind: MetricProvider
metadata: {name: default}
spec: {type: prometheus, address: "${prometheusUrl}"}`;
  await applyObjects(plane.client, readManifests(provider));
}

/** A gateway that takes routes from all namespaces. */
async function startGateway(plane: ControlPlane, web: number, own: number): Promise<Traefik> {
  const gateway = `
apiVersion: v1
kind: Namespace
metadata: {name: gateway}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: traefik}
spec: {controllerName: ${TRAEFIK_CONTROLLER}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web, namespace: gateway}
spec:
  gatewayClassName: traefik
  listeners: [{name: web, protocol: HTTP, port: ${web}, allowedRoutes: {namespaces: {from: All}}}]`;
  await applyObjects(plane.client, readManifests(gateway));
  return await startTraefik({ ...plane, token: plane.userToken('gateway') }, { web, own });
}
