import type { PrometheusQuery } from '../api/analysis-template.ts';
import { durationMs } from '../api/duration.ts';
import type { MetricProviderSpec, SecretKey } from '../api/metric-provider.ts';

/** Longer queries go into the body: proxies cut long addresses. Characters. */
const MAX_QUERY_IN_ADDRESS = 1500;

/** One HTTP request, complete with credentials. */
export interface PrometheusRequest {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** What must never be shown. */
  readonly secrets: readonly string[];
}

/** Puts a query together; a range ends at `at` (epoch milliseconds). Rejects only when a Secret cannot be read. */
export async function prometheusRequest(
  spec: MetricProviderSpec,
  query: Pick<PrometheusQuery, 'query' | 'rangeQuery'>,
  at: number,
  secret: (ref: SecretKey) => Promise<string>,
): Promise<PrometheusRequest> {
  const { headers, secrets } = await credentials(spec, secret);
  const base = new URL(spec.address);
  base.pathname = `${base.pathname.replace(/\/+$/, '')}/api/v1/${query.rangeQuery ? 'query_range' : 'query'}`;
  for (const [name, value] of Object.entries(spec.queryParameters ?? {})) base.searchParams.set(name, value);
  const form = parameters(query, at);
  if (query.query.length > MAX_QUERY_IN_ADDRESS) {
    const type = { 'content-type': 'application/x-www-form-urlencoded' };
    return { method: 'POST', url: base.href, headers: { ...headers, ...type }, body: form.toString(), secrets };
  }
  for (const [name, value] of form) base.searchParams.set(name, value);
  return { method: 'GET', url: base.href, headers, secrets };
}

function parameters({ query, rangeQuery }: Pick<PrometheusQuery, 'query' | 'rangeQuery'>, at: number): URLSearchParams {
  // Without a time it is evaluated now by the provider's clock, which is also that of its samples.
  if (!rangeQuery) return new URLSearchParams({ query });
  const lookback = durationMs(rangeQuery.lookback) ?? 0;
  const step = durationMs(rangeQuery.step) ?? 0;
  // Points lie whole steps from the start: counted back from the end, the newest is of now and not up to a step old.
  const steps = step > 0 ? Math.floor(lookback / step + 1e-9) : 0;
  const start = (at - steps * step) / 1000;
  return new URLSearchParams({ query, start: String(start), end: String(at / 1000), step: String(step / 1000) });
}

async function credentials(spec: MetricProviderSpec, secret: (ref: SecretKey) => Promise<string>) {
  const secrets: string[] = [];
  const headers: Record<string, string> = { ...spec.headers, accept: 'application/json' };
  // A file in a Secret often ends with a line break that is no part of the token.
  const read = async (ref: SecretKey) => {
    const value = (await secret(ref)).trim();
    secrets.push(value);
    return value;
  };
  for (const { name, secretKeyRef } of spec.secretHeaders ?? []) headers[name.toLowerCase()] = await read(secretKeyRef);
  if (spec.tenant !== undefined) headers['x-scope-orgid'] = spec.tenant;
  const { basic, bearer } = spec.auth ?? {};
  if (bearer) headers.authorization = `Bearer ${await read(bearer.tokenSecretRef)}`;
  if (basic) {
    const encoded = Buffer.from(`${basic.username}:${await read(basic.passwordSecretRef)}`).toString('base64');
    secrets.push(encoded);
    headers.authorization = `Basic ${encoded}`;
  }
  return { headers, secrets };
}
