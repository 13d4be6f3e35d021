import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { load, loadAll } from 'js-yaml';
import { KubeClient } from '../../src/kube/client.ts';
import { staticClusterConfig } from '../../src/kube/config.ts';
import type { KubeObject } from '../../src/kube/kube-object.ts';
import type { ResourceType } from '../../src/kube/resource-path.ts';
import { Transport } from '../../src/kube/transport.ts';
import { createLog } from '../../src/operator/log.ts';
import { Operator, type OperatorOptions } from '../../src/operator/operator.ts';
import { RESOURCES } from '../../src/operator/resources.ts';
import { EmbeddedApiServer } from '../../src/sandbox/apiserver/embedded-api-server.ts';
import type { AuditEntry } from '../../src/sandbox/apiserver/http/http-server.ts';
import { SandboxGateway } from '../../src/sandbox/gateway/sandbox-gateway.ts';
import { PodNetwork } from '../../src/sandbox/workloads/pod-network.ts';
import { WorkloadControllers } from '../../src/sandbox/workloads/workload-controllers.ts';

const core = (plural: string, kind: string, namespaced = true): ResourceType => ({
  group: '',
  version: 'v1',
  plural,
  kind,
  namespaced,
});

/** Types that only tests touch, beside those of the operator. */
export const TYPES = {
  ...RESOURCES,
  configMaps: core('configmaps', 'ConfigMap'),
  namespaces: core('namespaces', 'Namespace', false),
  events: { group: 'events.k8s.io', version: 'v1', plural: 'events', kind: 'Event', namespaced: true },
  gateways: {
    group: 'gateway.networking.k8s.io',
    version: 'v1',
    plural: 'gateways',
    kind: 'Gateway',
    namespaced: true,
  },
  crds: {
    group: 'apiextensions.k8s.io',
    version: 'v1',
    plural: 'customresourcedefinitions',
    kind: 'CustomResourceDefinition',
    namespaced: false,
  },
} as const satisfies Record<string, ResourceType>;

/** The namespace in which everything of a test is. */
export const NAMESPACE = 'shop';
const CRDS = join(import.meta.dirname, '../../crds');
const MUTATING = ['create', 'update', 'patch', 'apply', 'delete', 'deletecollection'];

/** An API server with everything that the operator meets in a cluster, and operators started and stopped at will. */
export class OperatorWorld {
  readonly client: KubeClient;
  readonly folder: string;
  /** Writes that operators asked for, in order. */
  readonly writes: AuditEntry[];
  /** Everything that operators asked for, in order; a watch is in it when it ends. */
  readonly requests: AuditEntry[];
  /** Lines that operators logged. */
  readonly logged: string[] = [];
  readonly #server: EmbeddedApiServer;
  readonly #stops: (() => Promise<void>)[];

  private constructor(
    parts: Pick<OperatorWorld, 'client' | 'folder' | 'writes' | 'requests'> & { server: EmbeddedApiServer },
    stops: (() => Promise<void>)[],
  ) {
    this.#server = parts.server;
    this.client = parts.client;
    this.folder = parts.folder;
    this.writes = parts.writes;
    this.requests = parts.requests;
    this.#stops = stops;
  }

  /** @param workloads false: no pods and no gateway, which is enough for the Git loop */
  static async start(workloads: boolean): Promise<OperatorWorld> {
    const stops: (() => Promise<void>)[] = [];
    const writes: AuditEntry[] = [];
    const requests: AuditEntry[] = [];
    const folder = await mkdtemp(join(tmpdir(), 'sluice-operator-'));
    stops.push(() => rm(folder, { recursive: true, force: true }));
    const server = await EmbeddedApiServer.start({
      tokens: { test: 'test', operator: 'operator' },
      onAudit: entry => {
        if (entry.user !== 'operator') return;
        requests.push(entry);
        if (MUTATING.includes(entry.verb)) writes.push(entry);
      },
    });
    stops.push(() => server.stop());
    const config = staticClusterConfig({ server: server.url, token: 'test' });
    const transport = new Transport({ config });
    stops.push(async () => transport.close());
    const client = new KubeClient({ transport, fieldManager: 'test' });
    for (const file of (await readdir(CRDS)).filter(name => name.endsWith('.yaml') && name !== 'kustomization.yaml'))
      await client.create(TYPES.crds, load(await readFile(join(CRDS, file), 'utf8')) as KubeObject);
    for (const name of [NAMESPACE, 'sluice-system'])
      await client.create(TYPES.namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    if (workloads) {
      const network = new PodNetwork();
      const timings = { startDelayMs: 10, drainMs: 20 };
      const controllers = new WorkloadControllers({ config, network, timings });
      await controllers.start();
      stops.push(() => controllers.stop());
      const gateway = new SandboxGateway({ config, network });
      await gateway.start();
      stops.push(() => gateway.stop());
      await client.create(TYPES.gateways, {
        apiVersion: 'gateway.networking.k8s.io/v1',
        kind: 'Gateway',
        metadata: { name: 'web', namespace: NAMESPACE },
        spec: { gatewayClassName: 'sandbox', listeners: [{ name: 'http', port: 80, protocol: 'HTTP' }] },
      });
    }
    return new OperatorWorld({ server, client, folder, writes, requests }, stops);
  }

  /** Starts the operator in this process, without leader election unless asked for. Stopping it twice is fine. */
  async startOperator(
    options: Partial<Pick<OperatorOptions, 'gitAllowFile' | 'leaderElection' | 'httpPort' | 'clock'>> = {},
  ): Promise<{ stop(): Promise<void>; readonly port: number | undefined }> {
    const operator = new Operator({
      config: staticClusterConfig({ server: this.#server.url, token: 'operator' }),
      log: createLog('debug', line => this.logged.push(line)),
      namespace: 'sluice-system',
      leaderElection: options.leaderElection ?? false,
      gitSync: true,
      gitCacheDir: join(this.folder, 'git-cache'),
      gitAllowFile: options.gitAllowFile ?? true,
      httpPort: options.httpPort,
      httpHost: '127.0.0.1',
      clock: options.clock,
    });
    const port = await operator.start();
    let stopped: Promise<void> | undefined;
    const stop = () => {
      stopped ??= operator.stop();
      return stopped;
    };
    this.#stops.push(stop);
    return { stop, port };
  }

  /** Applies YAML documents as a person with kubectl does. */
  async apply(yaml: string): Promise<void> {
    for (const document of loadAll(yaml)) {
      const object = document as KubeObject;
      const type: ResourceType | undefined = Object.values(TYPES).find(one => one.kind === object.kind);
      if (!type) throw new Error(`the world of this test has no ${object.kind}`);
      const at = { name: object.metadata.name, ...(type.namespaced ? { namespace: NAMESPACE } : {}) };
      await this.client.patch(type, at, { kind: 'apply', body: object, force: true });
    }
  }

  /** The object as it is now, or undefined. */
  find(type: ResourceType, name: string): Promise<KubeObject | undefined> {
    return this.client.find(type, { name, ...(type.namespaced ? { namespace: NAMESPACE } : {}) });
  }

  /** `reason note` of all events of the namespace. */
  async events(): Promise<string[]> {
    const { items } = await this.client.list(TYPES.events, { namespace: NAMESPACE });
    return items.map(event => `${String(event['reason'])} ${String(event['note'])}`);
  }

  async stop(): Promise<void> {
    for (const stop of this.#stops.reverse()) await stop();
  }
}
