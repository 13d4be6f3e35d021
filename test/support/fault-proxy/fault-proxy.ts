import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { KubeObject } from '../control-plane/api-client.ts';
import { kubeconfig } from '../control-plane/kubeconfig.ts';
import { selfSignedCertificate, type TestCertificate } from '../fault-certificate.ts';
import { answerFromView, Collections, type StaleView } from './collections.ts';
import { EventHider, type HiddenEvent, type Hiding } from './hidden-event.ts';
import { playAfter, playBefore } from './play-fault.ts';
import { describeRequest, type ProxiedRequest, parsed } from './proxied-request.ts';
import { type ArmedRule, type ProxyFault, ProxyPlan, type ProxyRule } from './proxy-plan.ts';
import { rememberConnections, resetConnection, resetInstead } from './reset-connection.ts';
import { Trace, type TracedEvent, type TraceEntry } from './trace.ts';
import { forwarded, Upstream, type UpstreamAddress } from './upstream.ts';
import { type RelayHost, WatchRelay } from './watch-relay.ts';

/**
 * Stands between ONE operator process and its API server, writes down everything that passes, and makes things go wrong by
 * plan. HTTPS with a certificate of its own; bearer tokens pass through.
 */
export class FaultProxy {
  readonly trace = new Trace();
  readonly #plan = new ProxyPlan();
  readonly #collections = new Collections();
  readonly #hiders = new Set<EventHider>();
  readonly #listeners = new Set<(event: TracedEvent) => void>();
  readonly #relays = new Set<WatchRelay>();
  readonly #sockets = new Set<Socket>();
  readonly #upstream: Upstream;
  readonly #certificate: TestCertificate;
  readonly #server: ReturnType<typeof createServer>;
  #requests = 0;
  #stale: { view: StaleView; held: Set<() => void> } | undefined;

  private constructor(upstream: UpstreamAddress) {
    this.#upstream = new Upstream(upstream);
    this.#certificate = certificate();
    this.#server = createServer(this.#certificate, (request, response) => void this.#accept(request, response));
    this.#server.keepAliveTimeout = 120_000;
    rememberConnections(this.#server);
    this.#server.on('secureConnection', socket => {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    this.#server.on('tlsClientError', () => undefined);
  }

  static async before(upstream: UpstreamAddress): Promise<FaultProxy> {
    const proxy = new FaultProxy(upstream);
    await new Promise<void>(resolve => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get url(): string {
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** What a client has to trust. */
  get caPem(): string {
    return this.#certificate.cert;
  }

  /** A kubeconfig (JSON) that leads to this proxy with a token of the API server behind it. */
  kubeconfig(user: string, token: string): string {
    return kubeconfig({ server: this.url, caPem: this.caPem }, user, token);
  }

  /** Puts a fault into force. */
  inject(rule: ProxyRule): ArmedRule {
    return this.#plan.add(rule);
  }

  /** No more injected faults, and nothing is held back. What was lost stays lost. */
  mend(): void {
    this.#plan.clear();
    for (const hider of this.#hiders) hider.release();
    this.#hiders.clear();
    this.release();
    for (const relay of this.watches()) relay.thaw();
  }

  /** The operator's open watches. */
  watches(plural?: string): WatchRelay[] {
    return [...this.#relays].filter(relay => relay.open && (plural === undefined || relay.plural === plural));
  }

  /** Resets every connection of the operator. */
  cutConnections(): void {
    for (const socket of this.#sockets) resetConnection(socket);
  }

  /** Told of each event of a watch when it has been passed on (or withheld). @returns stops that */
  onEvent(listener: (event: TracedEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Withholds an event until the next one of the same object. */
  hide(rule: HiddenEvent): Hiding {
    const hider = new EventHider(rule);
    this.#hiders.add(hider);
    return hider;
  }

  /** What the operator's caches can know now. */
  snapshot(): StaleView {
    return this.#collections.snapshot();
  }

  /**
   * From now on lists answer what they answered at that moment, and watches say nothing. Everything else is live, as reads
   * of single objects and writes are with a real API server that lags. Open watches are cut.
   */
  serveStale(view: StaleView): void {
    this.#stale = { view, held: new Set() };
    for (const relay of this.watches()) relay.cut();
  }

  /** Ends {@link FaultProxy.serveStale}: watches go on from where the view left them. */
  release(): void {
    const held = this.#stale?.held ?? [];
    this.#stale = undefined;
    for (const go of held) go();
  }

  async close(): Promise<void> {
    this.mend();
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    this.#upstream.close();
  }

  async #accept(message: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => undefined);
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of message as AsyncIterable<Buffer>) chunks.push(chunk);
    } catch {
      return;
    }
    const request = describeRequest(message, Buffer.concat(chunks), this.#requests++);
    const entry = this.trace.open(request);
    response.on('close', () => {
      if (entry.told === undefined) entry.abandonedAt = performance.now();
    });
    const fault = this.#plan.take(entry);
    if (fault) entry.fault = fault.kind === 'crash' ? `crash ${fault.at}` : fault.kind;
    try {
      if (fault && (await playBefore(fault, entry, response))) return;
      if (request.verb === 'watch') await this.#watch(entry, response);
      else await this.#exchange(entry, fault, response);
    } catch {
      // The API server cannot be reached: neither can it through the proxy.
      resetInstead(response);
    }
  }

  async #exchange(entry: TraceEntry, fault: ProxyFault | undefined, response: ServerResponse): Promise<void> {
    const { request } = entry;
    if (request.verb === 'list' && this.#stale && answerFromView(this.#stale.view, request, response)) {
      entry.fault = 'stale list';
      return;
    }
    const known = this.trace.knownVersion(request);
    entry.relayed = true;
    const answer = await this.#upstream.ask(request);
    const body = parsed(answer.bytes);
    this.trace.answered(entry, answer.status, body, known);
    if (request.verb === 'list' && answer.status === 200) this.#listed(request, body);
    const told = fault ? await playAfter(fault, answer, response) : answer;
    if (!told) return;
    entry.told = told.status;
    response.writeHead(told.status, { ...forwarded(told.headers), 'content-length': told.bytes.length });
    await new Promise<void>(resolve => {
      response.once('close', resolve);
      response.end(told.bytes, () => resolve());
    });
    if (fault?.kind === 'crash' && fault.at === 'told') await fault.kill();
  }

  #listed(request: ProxiedRequest, body: unknown): void {
    this.#collections.listed(request, body);
    for (const item of (body as { items?: KubeObject[] }).items ?? []) this.trace.note(request.plural, item);
  }

  async #watch(entry: TraceEntry, response: ServerResponse): Promise<void> {
    const { request } = entry;
    const relay = new WatchRelay(this.#host, request, response);
    this.#relays.add(relay);
    response.on('close', () => this.#relays.delete(relay));
    const stale = this.#stale;
    if (stale) {
      entry.fault = 'stale watch';
      relay.accept();
      await new Promise<void>(go => stale.held.add(go));
      if (!relay.open) return;
    }
    entry.relayed = true;
    const upstream = await this.#upstream.open(request);
    entry.status = upstream.statusCode ?? 502;
    entry.told = entry.status;
    if (entry.status === 200) {
      relay.follow(upstream);
      return;
    }
    if (response.headersSent) resetInstead(response);
    else response.writeHead(entry.status, forwarded(upstream.headers));
    upstream.pipe(response);
  }

  readonly #host: RelayHost = {
    onLine: (request, type, object) => {
      this.#collections.changed(request, type, object);
      return type === 'BOOKMARK' ? undefined : this.trace.event(type as TracedEvent['type'], request.plural, object);
    },
    filter: (event, line, write) => {
      let told: string | undefined = line;
      for (const hider of this.#hiders) if (told !== undefined) told = hider.pass(event, told, write);
      return told;
    },
    onTold: event => {
      for (const listener of this.#listeners) listener(event);
    },
  };
}

let shared: TestCertificate | undefined;

/** One for all proxies of a process: making keys takes time. */
function certificate(): TestCertificate {
  shared ??= selfSignedCertificate();
  return shared;
}
