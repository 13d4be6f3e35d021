import { type ClientRequest, Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import axios, { type AxiosRequestConfig, type AxiosResponse } from 'axios';
import type { PrometheusQuery } from '../api/analysis-template.ts';
import { durationMs } from '../api/duration.ts';
import type { MetricProviderSpec, SecretKey } from '../api/metric-provider.ts';
import { SecretUnavailable } from '../api/secret-unavailable.ts';
import { httpStatusFailure, networkFailure } from './http-failure.ts';
import type { MetricProvider, Sample } from './metric-provider.ts';
import { type PrometheusRequest, prometheusRequest } from './prometheus-request.ts';
import { readPrometheusResponse } from './prometheus-response.ts';

/** Largest answer read, in bytes after decompression. */
const MAX_RESPONSE_BYTES = 10 * 1024 * 1024;
const DEFAULT_TIMEOUT_MS = 10_000;
/** Node holds no longer delay. */
const LONGEST_TIMEOUT_MS = 2_147_483_647;
const MAX_SOCKETS = 20;
/** Kept connections that are tried in a row when each was closed just then. */
const MAX_STALE = 3;

/** A query whose arguments are filled in. */
export interface RenderedPrometheusQuery extends Pick<PrometheusQuery, 'query' | 'rangeQuery' | 'timeout' | 'maxAge'> {
  /**
   * Values of secret arguments in the query, in every form in which it may hold them. With any, nothing that the provider
   * says in words is shown: it quotes parts of queries.
   */
  readonly secrets?: readonly string[] | undefined;
}

export interface PrometheusOptions {
  readonly spec: MetricProviderSpec;
  /** Reads a key of a Secret in the operator's namespace; called for every query, so that a renewed token is used. */
  readonly readSecret: (ref: SecretKey) => Promise<string>;
  /** Told which Secrets a query was sent with that the provider refused: they may hold something else by now. */
  readonly forgetSecret?: ((ref: SecretKey) => void) | undefined;
  /** Epoch milliseconds; the end of ranges. */
  readonly now: () => number;
}

/** A provider for Prometheus and everything with its query API (Thanos, Mimir, VictoriaMetrics). */
export function createPrometheusProvider({
  spec,
  readSecret,
  forgetSecret,
  now,
}: PrometheusOptions): MetricProvider<RenderedPrometheusQuery> {
  const connections = new Connections(spec);
  return {
    kind: 'prometheus',
    sample: async (query, signal) => {
      const at = now();
      const timeoutMs = durationMs(query.timeout) ?? durationMs(spec.timeout) ?? DEFAULT_TIMEOUT_MS;
      const either = new AbortController();
      const end = Promise.withResolvers<Sample>();
      const stop = (sample: Sample) => {
        end.resolve(sample);
        either.abort();
      };
      const cancel = () => stop(cancelled());
      const deadline = setTimeout(
        () => stop(timedOut(timeoutMs)),
        Math.min(Math.max(1, Math.round(timeoutMs)), LONGEST_TIMEOUT_MS),
      );
      try {
        if (signal.aborted) cancel();
        else signal.addEventListener('abort', cancel, { once: true });
        // The race holds the deadline over reading secrets too; `send` ends on the same signal.
        return await Promise.race([end.promise, ask(query, at, either.signal)]);
      } finally {
        // A timeout may be hours away: nothing of a query that was answered is to be kept until then.
        clearTimeout(deadline);
        signal.removeEventListener('abort', cancel);
      }
    },
    close: () => connections.close(),
  };

  async function ask(query: RenderedPrometheusQuery, at: number, signal: AbortSignal): Promise<Sample> {
    let unreadable: SecretKey | undefined;
    const used: SecretKey[] = [];
    const secret = async (ref: SecretKey) => {
      unreadable = ref;
      const value = await readSecret(ref);
      unreadable = undefined;
      used.push(ref);
      return value;
    };
    try {
      const request = await prometheusRequest(spec, query, at, secret);
      const agent = await connections.agent(secret);
      const response = await send(request, agent, signal);
      if (response.status === 401 || response.status === 403) for (const ref of used) forgetSecret?.(ref);
      return readAnswer(response, request, query, at);
    } catch (error) {
      if (unreadable === undefined) return networkFailure(error);
      const message =
        error instanceof SecretUnavailable
          ? error.message
          : `key ${unreadable.key} of Secret ${unreadable.name} cannot be read; does it exist in the operator's namespace?`;
      return { kind: 'ProviderError', retryable: true, message: message.slice(0, 256) };
    }
  }
}

function send(
  request: PrometheusRequest,
  agent: HttpAgent | HttpsAgent,
  signal: AbortSignal,
): Promise<AxiosResponse<string>> {
  return requested({
    method: request.method,
    url: request.url,
    headers: { ...request.headers },
    ...(request.body === undefined ? {} : { data: request.body }),
    signal,
    httpAgent: agent,
    httpsAgent: agent,
    // Only the configured address is ever called: no redirects, no proxy from the environment.
    maxRedirects: 0,
    proxy: false,
    maxContentLength: MAX_RESPONSE_BYTES,
    responseType: 'text',
    transformResponse: [(data: unknown) => data],
    validateStatus: () => true,
  });
}

function readAnswer(
  response: AxiosResponse<string>,
  request: PrometheusRequest,
  query: RenderedPrometheusQuery,
  at: number,
): Sample {
  const body = typeof response.data === 'string' ? response.data : '';
  const context = {
    at,
    maxAgeMs: durationMs(query.maxAge),
    secrets: [...request.secrets, ...(query.secrets ?? [])],
    isSecretQuery: query.secrets !== undefined && query.secrets.length > 0,
  };
  return httpStatusFailure(response.status, body, context) ?? readPrometheusResponse(body, context);
}

/**
 * Asks, and again when the connection was a kept one that broke as it was taken: mostly one that the provider closed in
 * that moment because it had been idle. A query changes nothing, so it may be sent twice.
 */
async function requested(config: AxiosRequestConfig): Promise<AxiosResponse<string>> {
  for (let stale = 0; ; stale += 1) {
    try {
      return await axios.request<string>(config);
    } catch (error) {
      if (stale === MAX_STALE || !isStaleConnection(error)) throw error;
    }
  }
}

function isStaleConnection(error: unknown): boolean {
  if (!axios.isAxiosError<unknown>(error)) return false;
  const { reusedSocket } = (error.request ?? {}) as Partial<ClientRequest>;
  return reusedSocket === true && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
}

/** Connections that are kept between queries, and renewed when the TLS material changes. */
class Connections {
  readonly #spec: MetricProviderSpec;
  #agent: HttpAgent | HttpsAgent | undefined;
  #material = '';

  constructor(spec: MetricProviderSpec) {
    this.#spec = spec;
  }

  async agent(secret: (ref: SecretKey) => Promise<string>): Promise<HttpAgent | HttpsAgent> {
    const { tls, address } = this.#spec;
    const read = async (ref: SecretKey | undefined) => (ref ? await secret(ref) : undefined);
    const ca = await read(tls?.caSecretRef);
    const cert = await read(tls?.clientCertSecretRef);
    const key = await read(tls?.clientKeySecretRef);
    const material = JSON.stringify([ca, cert, key]);
    if (this.#agent && material === this.#material) return this.#agent;
    this.close();
    this.#material = material;
    const kept = { keepAlive: true, maxSockets: MAX_SOCKETS };
    this.#agent = address.startsWith('https:')
      ? new HttpsAgent({
          ...kept,
          ...(ca === undefined ? {} : { ca }),
          ...(cert === undefined ? {} : { cert }),
          ...(key === undefined ? {} : { key }),
          ...(tls?.serverName === undefined ? {} : { servername: tls.serverName }),
        })
      : new HttpAgent(kept);
    return this.#agent;
  }

  close(): void {
    this.#agent?.destroy();
    this.#agent = undefined;
  }
}

function timedOut(timeoutMs: number): Sample {
  const message = `no complete answer in ${timeoutMs / 1000}s; is the query too heavy?`;
  return { kind: 'ProviderError', retryable: true, message };
}

function cancelled(): Sample {
  return { kind: 'ProviderError', retryable: true, message: 'the query was cancelled' };
}
