import type { IncomingMessage, ServerResponse } from 'node:http';
import { KubeClient } from '../../kube/client.ts';
import type { Clock } from '../../kube/clock.ts';
import { systemClock } from '../../kube/clock.ts';
import type { ClusterConfig } from '../../kube/config.ts';
import { Transport } from '../../kube/transport.ts';
import type { LoopbackServer } from '../workloads/loopback-server.ts';
import { listenOnLoopback } from '../workloads/loopback-server.ts';
import type { PodEndpoint, PodNetwork } from '../workloads/pod-network.ts';
import { pickByWeight } from './backend-choice.ts';
import { GatewayCaches } from './gateway-caches.ts';
import { GatewayMetrics } from './gateway-metrics.ts';
import type { RouteFilter } from './gateway-objects.ts';
import { GatewayReporter } from './gateway-reporter.ts';
import { installGatewayApi } from './install-gateway-api.ts';
import { PodProxy, refuse } from './pod-proxy.ts';
import { isServed, judgeBackend } from './route-judgement.ts';
import type { RuleBackend, ServedRule } from './route-table.ts';
import { RouteTable } from './route-table.ts';

/** Input of {@link SandboxGateway}. */
export interface SandboxGatewayOptions {
  /** The API server. */
  readonly config: ClusterConfig;
  /** Where the pods really listen. */
  readonly network: PodNetwork;
  /** Default: any free port. */
  readonly port?: number | undefined;
  readonly clock?: Clock | undefined;
  /** Splits the traffic; seed it for a repeatable split. */
  readonly random?: (() => number) | undefined;
  readonly log?: ((line: string) => void) | undefined;
}

/** Requests that take longer get a 504, unless their rule says otherwise. */
const DEFAULT_TIMEOUT_MS = 15_000;

/**
 * A gateway for HTTPRoutes on one loopback port. It splits every request by the weights of its rule, as the route is now. A
 * backend without ready pods answers 503 for its share, one that does not exist 500, and a request without a route 404.
 */
export class SandboxGateway {
  readonly metrics = new GatewayMetrics();
  readonly #options: SandboxGatewayOptions;
  readonly #random: () => number;
  readonly #transport: Transport;
  readonly #client: KubeClient;
  readonly #caches: GatewayCaches;
  readonly #reporter: GatewayReporter;
  readonly #proxy = new PodProxy();
  #server: LoopbackServer | undefined;
  #table: RouteTable | undefined;
  /** Next pod per Service, for round robin. */
  readonly #turns = new Map<string, number>();

  constructor(options: SandboxGatewayOptions) {
    const { config, clock = systemClock, random = Math.random, log = () => {} } = options;
    this.#options = options;
    this.#random = random;
    this.#transport = new Transport({ config, clock, userAgent: 'sluice-sandbox-gateway' });
    this.#client = new KubeClient({
      transport: this.#transport,
      fieldManager: 'sandbox-gateway',
      onWritten: (type, object) => {
        const reflector = Object.values(this.#caches.reflectors).find(one => one.type.plural === type.plural);
        reflector?.store.noteWritten(object);
      },
    });
    this.#caches = new GatewayCaches(this.#client, clock, random);
    this.#reporter = new GatewayReporter({ caches: this.#caches, client: this.#client, clock, random, log });
    this.#caches.onChange(() => {
      this.#table = undefined;
      this.#reporter.refresh();
    });
  }

  /** `http://127.0.0.1:PORT`. @throws Error before start */
  get url(): string {
    if (!this.#server) throw new Error('the gateway has not been started');
    return this.#server.url;
  }

  /** Installs Gateway API when it is missing, reads the cluster and listens. `/-/metrics` is the gateway's own. @throws Error */
  async start(): Promise<void> {
    await installGatewayApi(this.#client);
    await this.#caches.start();
    this.#reporter.start();
    this.#server = await listenOnLoopback((request, response) => this.#serve(request, response), this.#options.port);
  }

  /** Ends all connections. */
  async stop(): Promise<void> {
    await this.#server?.close();
    await this.#reporter.stop();
    await this.#caches.stop();
    this.#proxy.close();
    this.#transport.close();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.url === '/-/metrics') {
      response.setHeader('content-type', 'text/plain; version=0.0.4; charset=utf-8');
      response.end(this.metrics.text());
      return;
    }
    const rule = this.#route(request);
    if (!rule) {
      this.metrics.observe({ route: '', backend: '', code: refuse(response, 404, 'no HTTPRoute matches') });
      return;
    }
    const backend = pickByWeight(rule.backends, this.#random);
    const code = await this.#answer(request, response, rule, backend);
    // 499 is what nginx calls a client that went away.
    this.metrics.observe({ route: rule.route, backend: backend?.name ?? '', code: code === 0 ? 499 : code });
  }

  async #answer(
    request: IncomingMessage,
    response: ServerResponse,
    rule: ServedRule,
    backend: RuleBackend | undefined,
  ): Promise<number> {
    if (!backend) return refuse(response, 500, 'no backend has a weight above 0');
    if (!backend.service) return refuse(response, 500, `backend "${backend.name}" cannot be resolved`);
    const targets = this.#targets(backend.service);
    if (targets.length === 0) return refuse(response, 503, `Service "${backend.name}" has no ready pod`);
    const filters = [...rule.filters, ...backend.filters];
    this.#mirror(request, rule, filters);
    return this.#proxy.forward({
      request,
      response,
      targets,
      filters,
      timeoutMs: rule.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    });
  }

  #route(request: IncomingMessage): ServedRule | undefined {
    this.#table ??= new RouteTable(
      this.#caches.routes().filter(route => isServed(route, this.#caches)),
      (route, backend) => judgeBackend(route, backend, this.#caches).good,
    );
    const target = request.url ?? '/';
    const mark = target.indexOf('?');
    return this.#table.find({
      host: (request.headers.host ?? '').replace(/:\d+$/, '').toLowerCase(),
      path: mark === -1 ? target : target.slice(0, mark),
      method: request.method ?? 'GET',
      headers: request.headers,
      query: new URLSearchParams(mark === -1 ? '' : target.slice(mark + 1)),
    });
  }

  /** Where the ready pods of a Service listen, beginning with the one whose turn it is. */
  #targets(service: { readonly namespace: string; readonly name: string; readonly port: number }): PodEndpoint[] {
    const { namespace, name, port } = service;
    const addresses = this.#caches.readyAddresses(namespace, name, port);
    const key = `${namespace}/${name}`;
    const turn = this.#turns.get(key) ?? 0;
    this.#turns.set(key, turn + 1);
    const first = addresses.length === 0 ? 0 : turn % addresses.length;
    return [...addresses.slice(first), ...addresses.slice(0, first)]
      .map(ip => this.#options.network.resolve(ip))
      .filter(endpoint => endpoint !== undefined);
  }

  #mirror(request: IncomingMessage, rule: ServedRule, filters: readonly RouteFilter[]): void {
    for (const { requestMirror } of filters) {
      if (!requestMirror) continue;
      const { backendRef, percent, fraction } = requestMirror;
      const share = fraction ? fraction.numerator / (fraction.denominator ?? 100) : (percent ?? 100) / 100;
      if (this.#random() >= share) continue;
      const { namespace = rule.namespace, name, port = 80 } = backendRef;
      const [target] = this.#targets({ namespace, name, port });
      if (target) this.#proxy.mirror(request, target);
    }
  }
}
