import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EmbeddedApiServer } from '../../src/sandbox/apiserver/embedded-api-server.ts';

/** An API server that a suite runs against, embedded or real. */
export interface TestCluster {
  readonly name: 'embedded' | 'real';
  /** `http://` or `https://` and the address. */
  readonly server: string;
  /** Bearer token of a user who may do everything. */
  readonly token: string;
  /** Certificate authority of an https server, PEM. */
  readonly caPem?: string;
  readonly kubeconfigPath: string;
  stop(): Promise<void>;
}

/** A cluster that a suite can start; `unavailable` says why it cannot. */
export interface ClusterUnderTest {
  readonly name: TestCluster['name'];
  readonly unavailable?: string;
  start(): Promise<TestCluster>;
}

/** The module of the real control plane; named in a variable so that a checkout without it still loads. */
const controlPlaneModule = './control-plane.ts';

interface ControlPlaneModule {
  controlPlaneAvailability(): { available: boolean; why?: string } | Record<string, unknown>;
  startControlPlane(): Promise<TestCluster>;
}

/**
 * The clusters that a contract is checked on: the embedded API server always, and a real control plane when
 * `SLUICE_REAL_CLUSTER=1` (it takes seconds to start, minutes to build for the first time).
 */
export function clustersUnderTest(): ClusterUnderTest[] {
  const embedded: ClusterUnderTest = { name: 'embedded', start: startEmbedded };
  const real: ClusterUnderTest = { name: 'real', start: startReal };
  if (process.env.SLUICE_REAL_CLUSTER === '1') return [embedded, real];
  return [
    embedded,
    { ...real, unavailable: 'set SLUICE_REAL_CLUSTER=1 to run this contract on a real kube-apiserver' },
  ];
}

async function startReal(): Promise<TestCluster> {
  const module = (await import(controlPlaneModule)) as ControlPlaneModule;
  return module.startControlPlane();
}

let started = 0;

async function startEmbedded(): Promise<TestCluster> {
  const token = 'contract-token';
  const bookmarkIntervalMs = 500;
  const server = await EmbeddedApiServer.start({ tokens: { [token]: 'contract' }, bookmarkIntervalMs });
  started += 1;
  const kubeconfigPath = join(tmpdir(), `sluice-embedded-${process.pid}-${started}.json`);
  writeFileSync(kubeconfigPath, server.kubeconfig('contract'), { mode: 0o600 });
  return {
    name: 'embedded',
    server: server.url,
    token,
    kubeconfigPath,
    stop: async () => {
      rmSync(kubeconfigPath, { force: true });
      await server.stop();
    },
  };
}
