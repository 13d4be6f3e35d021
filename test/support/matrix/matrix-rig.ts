import { join } from 'node:path';
import { applyFolder, applyObject } from '../control-plane/apply-folder.ts';
import { startFakeGatewayController } from '../control-plane/fake-gateway-controller.ts';
import { applyGatewayApiCrds } from '../control-plane/gateway-api.ts';
import { makeTempFolder } from '../control-plane/temp-folder.ts';
import { type ControlPlane, type ControlPlaneOptions, startControlPlane } from '../control-plane.ts';
import { startFakeKubelet } from '../fake-kubelet.ts';
import { ClusterHistory } from './cluster-history.ts';
import { bundleOperator } from './operator-bundle.ts';
import { startVerdictPrometheus } from './verdict-prometheus.ts';

/** One control plane with everything that Rollouts need except the operator: each plan starts its own. */
export interface MatrixRig {
  readonly plane: ControlPlane;
  readonly history: ClusterHistory;
  /** The operator's bundle. */
  readonly program: string;
  readonly folder: string;
  stop(): Promise<void>;
}

/** The proxies write down what matters. */
const NO_AUDIT = JSON.stringify({ apiVersion: 'audit.k8s.io/v1', kind: 'Policy', rules: [{ level: 'None' }] });
const ROOT = join(import.meta.dirname, '../../..');

/** Starts the rig, where asked for on a control plane with settings of its own; takes some seconds. */
export async function startMatrixRig(options: ControlPlaneOptions = {}): Promise<MatrixRig> {
  const folder = makeTempFolder('sluice-matrix');
  const parts: { stop(): Promise<unknown> | unknown }[] = [];
  const stop = async () => {
    for (const part of parts.toReversed()) await part.stop();
    await folder.remove();
  };
  try {
    const [plane, program, prometheus] = await Promise.all([
      startControlPlane({ auditPolicy: NO_AUDIT, ...options }),
      bundleOperator(folder.path),
      startVerdictPrometheus(),
    ]);
    parts.push(plane, prometheus);
    await applyGatewayApiCrds(plane.client);
    await applyFolder(plane.client, join(ROOT, 'crds'));
    parts.push(await startFakeKubelet({ ...plane, token: plane.userToken('kubelet') }));
    parts.push(await startFakeGatewayController({ ...plane, token: plane.userToken('gateway') }));
    await applyObject(plane.client, {
      apiVersion: 'sluice.dev/v1alpha1',
      kind: 'MetricProvider',
      metadata: { name: 'default' },
      spec: { type: 'prometheus', address: prometheus.url },
    });
    const history = await ClusterHistory.follow(plane.client);
    parts.push(history);
    return { plane, history, program, folder: folder.path, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
