import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { API_VERSION } from '../api/names.ts';
import { KubeClient } from '../kube/client.ts';
import { type ClusterConfig, staticClusterConfig } from '../kube/config.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import type { ResourceType } from '../kube/resource-path.ts';
import { Transport } from '../kube/transport.ts';
import { EmbeddedApiServer } from './apiserver/embedded-api-server.ts';
import { SandboxGateway } from './gateway/sandbox-gateway.ts';
import { LoadGenerator } from './load/load-generator.ts';
import { type MetricsBackend, startMetrics } from './metrics/metrics-backend.ts';
import { PodNetwork } from './workloads/pod-network.ts';
import { WorkloadControllers } from './workloads/workload-controllers.ts';

const CRDS: ResourceType = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  plural: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  namespaced: false,
};
const ROOT = join(import.meta.dirname, '../..');

export interface SandboxOptions {
  /** Requests a second through the gateway. Default 60. */
  readonly requestsPerSecond?: number;
  /** Default: a free one. */
  readonly port?: number;
  /** Namespaces to create. */
  readonly namespaces: readonly string[];
  readonly scrapeIntervalMs?: number;
  readonly log?: (line: string) => void;
}

/** A whole cluster in one process: API server, workload controllers, pods, gateway, load, metrics. The operator is a process of its own. */
export class SandboxCluster {
  readonly server: EmbeddedApiServer;
  readonly folder: string;
  readonly kubeconfigPath: string;
  readonly client: KubeClient;
  readonly gateway: SandboxGateway;
  readonly load: LoadGenerator;
  readonly metrics: MetricsBackend;
  readonly #stops: (() => Promise<void>)[];
  #operator: ChildProcess | undefined;

  private constructor(
    parts: Pick<SandboxCluster, 'server' | 'folder' | 'kubeconfigPath' | 'client' | 'gateway' | 'load' | 'metrics'>,
    stops: (() => Promise<void>)[],
  ) {
    this.server = parts.server;
    this.folder = parts.folder;
    this.kubeconfigPath = parts.kubeconfigPath;
    this.client = parts.client;
    this.gateway = parts.gateway;
    this.load = parts.load;
    this.metrics = parts.metrics;
    this.#stops = stops;
  }

  static async start(options: SandboxOptions): Promise<SandboxCluster> {
    const { log } = options;
    const stops: (() => Promise<void>)[] = [];
    const folder = await mkdtemp(join(tmpdir(), 'sluice-sandbox-'));
    stops.push(() => rm(folder, { recursive: true, force: true }));
    const server = await EmbeddedApiServer.start(options.port === undefined ? {} : { port: options.port });
    stops.push(() => server.stop());
    const kubeconfigPath = join(folder, 'kubeconfig');
    await writeFile(kubeconfigPath, server.kubeconfig(), { mode: 0o600 });
    const config: ClusterConfig = staticClusterConfig({ server: server.url });
    const transport = new Transport({ config, userAgent: 'sluice-sandbox' });
    stops.push(async () => transport.close());
    const client = new KubeClient({ transport, fieldManager: 'sandbox' });
    await installCrds(client);
    for (const name of options.namespaces)
      await client.create(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    const network = new PodNetwork();
    const workloads = new WorkloadControllers({ config, network, ...(log ? { log } : {}) });
    await workloads.start();
    stops.push(() => workloads.stop());
    const gateway = new SandboxGateway({ config, network, ...(log ? { log } : {}) });
    await gateway.start();
    stops.push(() => gateway.stop());
    const metrics = await startMetrics({
      config,
      network,
      gatewayUrl: gateway.url,
      scrapeIntervalMs: options.scrapeIntervalMs ?? 500,
      ...(log ? { log } : {}),
    });
    stops.push(() => metrics.stop());
    await declareProvider(client, metrics.url);
    const generator = new LoadGenerator({ url: `${gateway.url}/`, requestsPerSecond: options.requestsPerSecond ?? 60 });
    stops.push(() => generator.stop());
    return new SandboxCluster({ server, folder, kubeconfigPath, client, gateway, load: generator, metrics }, stops);
  }

  /**
   * Starts the operator as its users run it, over HTTP, with nothing but a kubeconfig.
   * @param executable the program that this sandbox is part of: the sources, or the bundle
   */
  startOperator(logFile: string, executable = join(ROOT, 'src/main.ts')): void {
    const args = [
      executable,
      'operator',
      '--kubeconfig',
      this.kubeconfigPath,
      '--no-leader-election',
      '--git-sync',
      '--git-allow-file',
      '--git-cache-dir',
      join(this.folder, 'git-cache'),
      '--port',
      '0',
      '--host',
      '127.0.0.1',
    ];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const log = createWriteStream(logFile);
    child.stdout.pipe(log);
    child.stderr.pipe(log, { end: false });
    this.#operator = child;
  }

  async stop(): Promise<void> {
    const child = this.#operator;
    if (child && child.exitCode === null) {
      const ended = new Promise(resolve => child.once('exit', resolve));
      child.kill('SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), 5_000);
      await ended;
      clearTimeout(late);
    }
    for (const stop of this.#stops.reverse()) await stop();
  }
}

const NAMESPACES: ResourceType = {
  group: '',
  version: 'v1',
  plural: 'namespaces',
  kind: 'Namespace',
  namespaced: false,
};
const PROVIDERS: ResourceType = {
  group: 'sluice.dev',
  version: 'v1alpha1',
  plural: 'metricproviders',
  kind: 'MetricProvider',
  namespaced: false,
};

async function installCrds(client: KubeClient): Promise<void> {
  const folder = join(ROOT, 'crds');
  for (const file of (await readdir(folder))
    .filter(name => name.endsWith('.yaml') && name !== 'kustomization.yaml')
    .sort())
    await client.create(CRDS, load(await readFile(join(folder, file), 'utf8')) as KubeObject);
}

async function declareProvider(client: KubeClient, address: string): Promise<void> {
  await client.create(PROVIDERS, {
    apiVersion: API_VERSION,
    kind: 'MetricProvider',
    metadata: { name: 'default' },
    spec: { type: 'prometheus', address },
  });
}
