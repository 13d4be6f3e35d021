import { type Fields, isFields } from '../api/fields.ts';
import type { Sample } from './metric-provider.ts';
import { safeText } from './safe-text.ts';

/** What the answer is measured against. */
export interface ResponseContext {
  /** When the query was put together, which is the end of a range; epoch milliseconds. */
  readonly at: number;
  /** Samples older than this are stale; undefined: any age will do. */
  readonly maxAgeMs?: number | undefined;
  /** Values that must not appear in any text. */
  readonly secrets?: readonly string[];
  /** The query holds a secret: words of the provider may quote any part of it, so none are shown. */
  readonly isSecretQuery?: boolean;
}

const MAX_RESULTS = 1000;
/** Error types of Prometheus (web/api/v1); VictoriaMetrics puts the HTTP status in their place. */
const ERROR_TYPE =
  /^(?:timeout|canceled|execution|bad_data|internal|unavailable|not_found|not_acceptable|[45][0-9]{2})$/;
/** Notes that belong into `infos`; Prometheus before 2.54 and some versions of Thanos put them among the warnings. */
const INFO = /^PromQL info:|more info annotations? omitted/;
/** Causes of an `execution` error that are no fault of the query: Thanos so reports stores that it cannot reach. */
const OUTAGE =
  /expanding series|rpc error|context (?:canceled|deadline)|connection refused|No StoreAPIs|query timed out/i;
const NOT_SHOWN = 'is not shown, because the query holds a secret argument';
const NUMBER = /^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/;

interface Point {
  readonly atMs: number;
  readonly value: number;
}

/**
 * Reads the envelope of /api/v1/query and /api/v1/query_range (https://prometheus.io/docs/prometheus/latest/querying/api/)
 * strictly: what is not exactly a number stays what it is. Also takes the isPartial of VictoriaMetrics and the
 * warnings with which Thanos and Mimir tell of missing stores.
 */
export function readPrometheusResponse(body: string, context: ResponseContext): Sample {
  const envelope = parse(body);
  if (envelope === undefined) return notPrometheus(body);
  if (envelope.status === 'error') return prometheusError(envelope, context);
  const data = envelope.data;
  if (envelope.status !== 'success' || !isFields(data)) return malformed('no status or no data in the answer');
  const all = Array.isArray(envelope.warnings) ? envelope.warnings.map(String) : [];
  const said = all.filter(text => !INFO.test(text));
  const warnings = said.length > 0 && context.isSecretQuery ? [`a warning of the provider ${NOT_SHOWN}`] : said;
  if (envelope.isPartial === true) warnings.push('the answer is marked partial');
  if (warnings.length > 0)
    return { kind: 'Partial', warnings: warnings.slice(0, 5).map(text => safeText(text, context.secrets)) };
  return readData(data, context);
}

/** The error of an envelope. A query that cannot be parsed is the user's; a query that ran too long is not. */
export function prometheusError(envelope: Fields, context: ResponseContext): Sample {
  const type = String(envelope.errorType ?? 'unknown');
  const shown = context.isSecretQuery
    ? `${ERROR_TYPE.test(type) ? type : 'unknown'}: what the provider says ${NOT_SHOWN}`
    : `${type}: ${String(envelope.error ?? 'no reason given')}`;
  const message = safeText(shown, context.secrets);
  if (type === 'bad_data') return { kind: 'ConfigError', message: safeText(`the query is wrong: ${message}`) };
  const isOutage =
    type === 'execution'
      ? OUTAGE.test(String(envelope.error ?? ''))
      : type !== 'not_acceptable' && type !== 'not_found';
  return { kind: 'ProviderError', retryable: isOutage, message };
}

/** JSON object of a body; undefined when it is none. */
export function parse(body: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return isFields(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function readData(data: Fields, context: ResponseContext): Sample {
  const { resultType, result } = data;
  if (resultType === 'scalar') {
    const point = readPoint(result);
    return point ? withAge([point], point.value, context) : malformed('a scalar without a number');
  }
  if (resultType === 'string') return config('the query gives a text, not a number');
  if (resultType !== 'vector' && resultType !== 'matrix') return malformed('an unknown result type');
  if (!Array.isArray(result)) return malformed('a result that is no list');
  if (result.length === 0) return { kind: 'NoSeries' };
  if (result.some(series => isFields(series) && ('histogram' in series || 'histograms' in series)))
    return config('the query gives a native histogram; take histogram_quantile() or histogram_fraction() of it');
  return resultType === 'vector' ? readVector(result, context) : readMatrix(result, context);
}

function readVector(result: readonly unknown[], context: ResponseContext): Sample {
  // A condition about "all" of them must never be asked about some of them.
  if (result.length > MAX_RESULTS) return { kind: 'ManySeries', count: result.length };
  const points = result.map(series => readPoint(isFields(series) ? series.value : undefined));
  const known = points.filter(point => point !== undefined);
  if (known.length < points.length) return malformed('a series without a value');
  const results = known.map(point => point.value);
  if (result.length > 1) return { kind: 'ManySeries', count: result.length, results };
  return withAge(known, results, context);
}

function readMatrix(result: readonly unknown[], context: ResponseContext): Sample {
  if (result.length > 1) return { kind: 'ManySeries', count: result.length };
  const [series] = result;
  const values = isFields(series) ? series.values : undefined;
  if (!Array.isArray(values)) return malformed('a series without values');
  const points = values.map(readPoint).filter(point => point !== undefined);
  if (points.length < values.length) return malformed('a series with a value that is no number');
  if (points.length === 0) return { kind: 'NoSeries' };
  if (points.length > MAX_RESULTS)
    return config(`the range has ${points.length} samples, more than ${MAX_RESULTS}; widen the step`);
  return withAge(
    points,
    points.map(point => point.value),
    context,
  );
}

function withAge(points: readonly Point[], result: number | readonly number[], context: ResponseContext): Sample {
  const observedAt = points.at(-1)?.atMs ?? context.at;
  const ageMs = context.at - observedAt;
  if (context.maxAgeMs !== undefined && ageMs > context.maxAgeMs) return { kind: 'Stale', ageMs };
  const [only] = typeof result === 'number' ? [result] : result;
  if (points.length === 1 && only !== undefined && Number.isNaN(only)) return { kind: 'NotANumber' };
  if (points.length === 1 && only !== undefined && !Number.isFinite(only)) return { kind: 'NonFinite', value: only };
  return { kind: 'Value', result, observedAt };
}

/* [seconds, "value"] */
function readPoint(pair: unknown): Point | undefined {
  if (!Array.isArray(pair) || pair.length !== 2) return undefined;
  const [seconds, text] = pair as unknown[];
  const value = readNumber(text);
  if (typeof seconds !== 'number' || !Number.isFinite(seconds) || value === undefined) return undefined;
  return { atMs: seconds * 1000, value };
}

/** A sample value: always a string in Prometheus' JSON. NaN and the infinities are values of their own. */
export function readNumber(text: unknown): number | undefined {
  if (typeof text !== 'string') return undefined;
  if (text === 'NaN') return Number.NaN;
  if (text === '+Inf' || text === 'Inf') return Number.POSITIVE_INFINITY;
  if (text === '-Inf') return Number.NEGATIVE_INFINITY;
  return text.length <= 64 && NUMBER.test(text) ? Number(text) : undefined;
}

function notPrometheus(body: string): Sample {
  if (/^\s*</.test(body.slice(0, 200)))
    return {
      kind: 'ConfigError',
      message: 'the address answers with a web page, not with the Prometheus API; is a login or a path prefix missing?',
      ofProvider: true,
    };
  return malformed('no JSON object');
}

function malformed(what: string): Sample {
  return { kind: 'ProviderError', retryable: true, message: `the answer is not of the Prometheus API: ${what}` };
}

function config(message: string): Sample {
  return { kind: 'ConfigError', message };
}
