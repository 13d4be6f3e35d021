import { type Fields, isFields } from '../api/fields.ts';

/**
 * A stored spec of a template or a run without the `maxAge` of instant queries. It was accepted once and had no effect; what
 * is stored with it, in the middle of a trial, is to be read as before.
 */
export function withoutIdleMaxAge(spec: unknown): unknown {
  if (!isFields(spec) || !Array.isArray(spec['metrics']) || !spec['metrics'].some(isIdle)) return spec;
  return { ...spec, metrics: spec['metrics'].map(metric => (isIdle(metric) ? withoutIt(metric) : metric)) };
}

interface Idle extends Fields {
  readonly provider: Fields & { readonly prometheus: Fields };
}

function isIdle(metric: unknown): metric is Idle {
  const provider = isFields(metric) ? metric['provider'] : undefined;
  const query = isFields(provider) ? provider['prometheus'] : undefined;
  return isFields(query) && query['maxAge'] !== undefined && query['rangeQuery'] === undefined;
}

function withoutIt(metric: Idle): Fields {
  const { maxAge: _, ...prometheus } = metric.provider.prometheus;
  return { ...metric, provider: { ...metric.provider, prometheus } };
}
