import type { Agent } from 'node:http';
import http from 'node:http';
import https from 'node:https';
import type { ClusterConfig, TlsOptions } from './config.ts';

/**
 * A long-lived watch must never take the socket that a write is waiting for, and the leader lease never stands in line behind
 * other requests.
 */
export type PoolName = 'request' | 'lease' | 'watch';

/** Sockets for ordinary requests. The API server's own priority and fairness does the real limiting. */
const MAX_REQUEST_SOCKETS = 64;
/** One at work, and one more while the first is given up. */
const MAX_LEASE_SOCKETS = 2;
/** What a burst opened is closed this long after it, in milliseconds: a TLS connection holds some 50 KB. */
const IDLE_SOCKET_MS = 10_000;

/** Keep-alive connections to one API server, one pool for requests, one for the lease and one for watches; rebuilt when certificates change. */
export class ConnectionPools {
  readonly #config: ClusterConfig;
  #tls: TlsOptions | undefined;
  #agents: Record<PoolName, Agent> | undefined;

  constructor(config: ClusterConfig) {
    this.#config = config;
  }

  /** The agent to use now. */
  async agent(pool: PoolName): Promise<Agent> {
    const tls = await this.#config.tlsOptions();
    if (tls.agent) return tls.agent;
    if (this.#agents === undefined || tls !== this.#tls) {
      this.#dropIdle();
      this.#tls = tls;
      this.#agents = {
        request: this.#create(tls, MAX_REQUEST_SOCKETS, { timeout: IDLE_SOCKET_MS }),
        lease: this.#create(tls, MAX_LEASE_SOCKETS, { timeout: IDLE_SOCKET_MS }),
        watch: this.#create(tls, Number.POSITIVE_INFINITY),
      };
    }
    return this.#agents[pool];
  }

  /** Closes every connection, also those in use. */
  close(): void {
    for (const agent of Object.values(this.#agents ?? {})) agent.destroy();
    this.#agents = undefined;
  }

  #create(tls: TlsOptions, maxSockets: number, idle: { timeout?: number } = {}): Agent {
    const options = { keepAlive: true, keepAliveMsecs: 30_000, maxSockets, scheduling: 'lifo' as const, ...idle };
    if (this.#config.server.startsWith('http:')) return new http.Agent(options);
    const { agent: _unused, ...material } = tls;
    const defined = Object.fromEntries(Object.entries(material).filter(([, value]) => value !== undefined));
    return new https.Agent({ ...options, ...defined });
  }

  /** After a certificate change requests in flight may finish on the old connections; idle ones are of no more use. */
  #dropIdle(): void {
    for (const agent of Object.values(this.#agents ?? {})) {
      for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
    }
  }
}
