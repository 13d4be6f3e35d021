import { randomBytes } from 'node:crypto';
import type { AuditEntry } from './http/http-server.ts';
import { HttpServer } from './http/http-server.ts';
import { ResourceHandler } from './http/resource-handler.ts';
import type { JsonObject, KubeObject } from './json.ts';
import { ensureObject } from './json.ts';
import { LocalClient } from './local-client.ts';
import type { ServerContext } from './rest/context.ts';
import { CrdController } from './rest/crd-controller.ts';
import { GarbageCollector } from './rest/garbage-collector.ts';
import { NamespaceCascade } from './rest/namespace-cascade.ts';
import { Resources } from './rest/resources.ts';
import { ServiceNetwork } from './rest/service-network.ts';
import { Store } from './storage/store.ts';
import { completePod } from './types/builtin-defaults.ts';
import { builtinTypes } from './types/builtin-types.ts';
import { TypeRegistry } from './types/registry.ts';
import type { ResourceType } from './types/resource-type.ts';

/** How an embedded API server is started. Everything has a default. */
export interface EmbeddedOptions {
  /** 0 or absent: any free port. */
  port?: number;
  /** Bearer tokens and the users they stand for; absent: no authentication. There is no authorization in any case. */
  tokens?: Readonly<Record<string, string>>;
  onAudit?: (entry: AuditEntry) => void;
  /** Told of failures that are bugs of the server; printed to stderr when absent. */
  onBug?: (error: unknown) => void;
  /** Events kept per resource for watches; older start versions get 410. Default 10 000. */
  historyLength?: number;
  /** Milliseconds between bookmarks of a watch that allows them. Default 60 000. */
  bookmarkIntervalMs?: number;
  /** Milliseconds since the epoch. */
  now?: () => number;
  /** 0 <= n < 1; names of `generateName`. */
  random?: () => number;
}

/**
 * A Kubernetes API server in this process: plain HTTP on loopback, objects in memory, enough of the real one's rules
 * for kubectl and operators. It authenticates by bearer token at most and authorizes everything: RBAC objects are
 * stored, not evaluated.
 */
export class EmbeddedApiServer {
  /** `http://127.0.0.1:<port>`. */
  readonly url: string;
  private readonly http: HttpServer;
  private readonly resources: Resources;
  private readonly context: ServerContext;
  private readonly tokens: Readonly<Record<string, string>> | undefined;
  private readonly stoppers: (() => void)[];

  private constructor(parts: {
    url: string;
    http: HttpServer;
    resources: Resources;
    context: ServerContext;
    tokens: Readonly<Record<string, string>> | undefined;
    stoppers: (() => void)[];
  }) {
    this.url = parts.url;
    this.http = parts.http;
    this.resources = parts.resources;
    this.context = parts.context;
    this.tokens = parts.tokens;
    this.stoppers = parts.stoppers;
  }

  /** Starts a server with the namespaces `default` and `kube-system`. */
  static async start(options: EmbeddedOptions = {}): Promise<EmbeddedApiServer> {
    const { context, crds, gc, cascade, resources } = assemble(options);
    const handler = new ResourceHandler(context, resources, options.bookmarkIntervalMs ?? 60_000);
    const http = new HttpServer(context, handler, {
      tokens: options.tokens === undefined ? undefined : new Map(Object.entries(options.tokens)),
      onAudit: options.onAudit,
      onBug: options.onBug ?? (error => console.error('embedded API server: a request failed unexpectedly', error)),
    });
    const port = await http.listen(options.port ?? 0);
    const stoppers = [() => crds.stop(), () => gc.stop(), () => cascade.stop()];
    const url = `http://127.0.0.1:${port}`;
    const server = new EmbeddedApiServer({ url, http, resources, context, tokens: options.tokens, stoppers });
    const client = server.client('kube-apiserver');
    for (const name of ['default', 'kube-system']) {
      const object: JsonObject = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
      client.create({ apiVersion: 'v1', plural: 'namespaces' }, '', object);
    }
    return server;
  }

  /** A client without HTTP; writes are recorded under `fieldManager`. */
  client(fieldManager: string): LocalClient {
    return new LocalClient(this.resources, this.context.store, fieldManager);
  }

  /** The resourceVersion of the latest write. */
  get resourceVersion(): string {
    return String(this.context.store.resourceVersion);
  }

  /** Drops watch history and list snapshots, as an etcd compaction does: older watches and continue tokens get 410. */
  compact(): void {
    this.context.store.compact();
    this.resources.reader.forgetSnapshots();
  }

  /**
   * A kubeconfig for kubectl. With tokens, `user` picks whose token it carries (default: the first), both as a token and
   * as a path prefix of the server's address: kubectl sends no token over plain HTTP.
   */
  kubeconfig(user?: string): string {
    const entries = Object.entries(this.tokens ?? {});
    const token = (user === undefined ? entries[0] : entries.find(([, name]) => name === user))?.[0];
    const server = token === undefined ? this.url : `${this.url}/tokens/${token}`;
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'embedded', cluster: { server, 'insecure-skip-tls-verify': true } }],
      users: [{ name: user ?? 'embedded', user: { token: token ?? 'none' } }],
      contexts: [
        { name: 'embedded', context: { cluster: 'embedded', user: user ?? 'embedded', namespace: 'default' } },
      ],
      'current-context': 'embedded',
    };
    return `${JSON.stringify(config, null, 2)}\n`;
  }

  /** Ends all watches and connections and stops listening. */
  async stop(): Promise<void> {
    for (const stop of this.stoppers) stop();
    await this.http.close();
  }
}

interface Assembly {
  context: ServerContext;
  resources: Resources;
  crds: CrdController;
  gc: GarbageCollector;
  cascade: NamespaceCascade;
}

function assemble(options: EmbeddedOptions): Assembly {
  const store = new Store(options.historyLength);
  const registry = new TypeRegistry();
  const network = new ServiceNetwork(store);
  const isCrd = (type: ResourceType): boolean => type.kind === 'CustomResourceDefinition' && !type.custom;
  const isService = (type: ResourceType): boolean => type.storageKey === '/services';
  const complete = (type: ResourceType, object: KubeObject): void => {
    if (isService(type)) network.allocate(object);
    if (type.storageKey === '/namespaces') ensureObject(object, 'spec').finalizers ??= ['kubernetes'];
    if (isCrd(type) && object.metadata.deletionTimestamp === undefined) crds.complete(object);
  };
  const completeNew = (type: ResourceType, object: KubeObject): void => {
    if (type.storageKey === '/pods') completePod(object);
    complete(type, object);
  };
  const context: ServerContext = {
    store,
    registry,
    now: options.now ?? Date.now,
    random: options.random ?? (() => randomBytes(4).readUInt32BE() / 2 ** 32),
    beforeCreate: completeNew,
    beforeUpdate: complete,
  };
  const resources = new Resources(context);
  const gc = new GarbageCollector(context, resources.deleter);
  const cascade = new NamespaceCascade(context, resources.deleter);
  const followed = new Set<string>();
  const follow = (type: ResourceType): void => {
    if (followed.has(type.storageKey)) return;
    followed.add(type.storageKey);
    gc.follow(type);
    if (type.namespaced) cascade.follow(type.storageKey);
  };
  const crds = new CrdController(context, resources.deleter, follow);
  for (const type of builtinTypes()) {
    registry.add(type);
    follow(type);
  }
  crds.start();
  cascade.start();
  return { context, resources, crds, gc, cascade };
}
