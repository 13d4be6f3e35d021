import type { IncomingMessage, ServerResponse } from 'node:http';
import type { LoopbackServer } from '../workloads/loopback-server.ts';
import { listenOnLoopback } from '../workloads/loopback-server.ts';
import { instantData, matrixData } from './prometheus-json.ts';
import { promDurationMs } from './promql/literals.ts';
import type { QueryEngine, QueryOutcome } from './query-engine.ts';
import type { TimeSeriesStore } from './time-series-store.ts';

/** Input of {@link startPrometheusApi}. */
export interface PrometheusApiOptions {
  readonly store: TimeSeriesStore;
  readonly engine: QueryEngine;
  /** The default evaluation time, milliseconds since the epoch. */
  readonly now: () => number;
  /** Default: any free port. */
  readonly port?: number | undefined;
}

type Answer = { readonly status: number; readonly body: unknown };
type ApiErrorType = 'bad_data' | 'execution' | 'not_found';

const STATUS: Readonly<Record<ApiErrorType, number>> = { bad_data: 400, execution: 422, not_found: 404 };
const LARGEST_FORM = 1 << 20;

/**
 * Serves the part of Prometheus' HTTP API that clients use for queries: /api/v1/query, query_range, labels, label/NAME/values,
 * status/buildinfo, /-/ready and /-/healthy; GET, or POST with a form. Errors have Prometheus' envelope and status codes.
 */
export function startPrometheusApi(options: PrometheusApiOptions): Promise<LoopbackServer> {
  return listenOnLoopback((request, response) => serve(options, request, response), options.port);
}

async function serve(options: PrometheusApiOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://loopback');
  if (url.pathname === '/-/ready' || url.pathname === '/-/healthy') {
    response.end(`Prometheus Server is ${url.pathname === '/-/ready' ? 'Ready' : 'Healthy'}.\n`);
    return;
  }
  const parameters = await readParameters(url, request);
  const { status, body } = parameters
    ? route(options, request.method ?? 'GET', url.pathname, parameters)
    : failure('bad_data', 'the form cannot be read or is larger than 1 MiB');
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

function route(options: PrometheusApiOptions, method: string, path: string, parameters: URLSearchParams): Answer {
  if (method !== 'GET' && method !== 'POST')
    return { status: 405, body: { status: 'error', errorType: 'bad_data', error: 'method not allowed' } };
  const label = /^\/api\/v1\/label\/([^/]+)\/values$/.exec(path)?.[1];
  if (label !== undefined) {
    // Label names are plain ASCII; anything that is encoded is no label name.
    if (!/^[a-zA-Z_]\w*$/.test(label)) return failure('bad_data', `invalid label name: ${JSON.stringify(label)}`);
    return success(options.store.labelValues(label));
  }
  switch (path) {
    case '/api/v1/query':
      return instantQuery(options, parameters);
    case '/api/v1/query_range':
      return rangeQuery(options, parameters);
    case '/api/v1/labels':
      return success(options.store.labelNames());
    case '/api/v1/status/buildinfo':
      return success({
        version: '2.42.0+sandbox',
        revision: '',
        branch: '',
        buildUser: '',
        buildDate: '',
        goVersion: '',
      });
    default:
      return failure('not_found', `${path} is not served by the sandbox's metrics API`);
  }
}

function instantQuery({ engine, now }: PrometheusApiOptions, parameters: URLSearchParams): Answer {
  const atMs = parameters.get('time') ? timeMs(parameters.get('time')) : now();
  if (atMs === undefined) return badParameter('time', parameters, 'timestamp');
  const outcome = engine.instant(parameters.get('query') ?? '', atMs);
  return answerOf('query', outcome, value => instantData(value, atMs));
}

function rangeQuery({ engine }: PrometheusApiOptions, parameters: URLSearchParams): Answer {
  const startMs = timeMs(parameters.get('start'));
  if (startMs === undefined) return badParameter('start', parameters, 'timestamp');
  const endMs = timeMs(parameters.get('end'));
  if (endMs === undefined) return badParameter('end', parameters, 'timestamp');
  const stepMs = promDurationMs(parameters.get('step') ?? '');
  if (stepMs === undefined) return badParameter('step', parameters, 'duration');
  const outcome = engine.range(parameters.get('query') ?? '', { startMs, endMs, stepMs });
  return answerOf('query', outcome, matrixData);
}

function answerOf<T>(parameter: string, outcome: QueryOutcome<T>, data: (value: T) => unknown): Answer {
  if (outcome.ok) return success(data(outcome.value));
  const { errorType, message } = outcome;
  const named = errorType === 'bad_data' && !message.startsWith('invalid parameter') && !message.startsWith('exceeded');
  return failure(errorType, named ? `invalid parameter "${parameter}": ${message}` : message);
}

function success(data: unknown): Answer {
  return { status: 200, body: { status: 'success', data } };
}

function failure(errorType: ApiErrorType, error: string): Answer {
  return { status: STATUS[errorType], body: { status: 'error', errorType, error } };
}

function badParameter(name: string, parameters: URLSearchParams, kind: string): Answer {
  const given = JSON.stringify(parameters.get(name) ?? '');
  return failure('bad_data', `invalid parameter "${name}": cannot parse ${given} to a valid ${kind}`);
}

/** Seconds since the epoch or RFC 3339, in milliseconds. */
function timeMs(text: string | null): number | undefined {
  if (!text) return undefined;
  const seconds = Number(text);
  const ms = Number.isFinite(seconds) ? Math.round(seconds * 1000) : Date.parse(text);
  return Number.isFinite(ms) ? ms : undefined;
}

async function readParameters(url: URL, request: IncomingMessage): Promise<URLSearchParams | undefined> {
  if (request.method !== 'POST') return url.searchParams;
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > LARGEST_FORM) return undefined;
      chunks.push(chunk);
    }
  } catch {
    return undefined;
  }
  // What is in the form counts before what is in the URL.
  const form = new URLSearchParams(Buffer.concat(chunks).toString());
  for (const [name, value] of url.searchParams) if (!form.has(name)) form.append(name, value);
  return form;
}
