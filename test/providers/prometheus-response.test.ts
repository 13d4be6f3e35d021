import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { httpStatusFailure, networkFailure } from '../../src/providers/http-failure.ts';
import { readNumber, readPrometheusResponse } from '../../src/providers/prometheus-response.ts';

const fixtures = JSON.parse(readFileSync(new URL('fixtures/responses.json', import.meta.url), 'utf8')) as Record<
  string,
  unknown
>;
const AT = 1767225600_000;
const read = (name: string, maxAgeMs?: number) =>
  readPrometheusResponse(JSON.stringify(fixtures[name]), { at: AT + 500, maxAgeMs });

test.each([
  ['vector-one', { kind: 'Value', result: [0.9731182795698925], observedAt: 1767225600123 }],
  ['vector-integer', { kind: 'Value', result: [0], observedAt: AT }],
  ['vector-exponent', { kind: 'Value', result: [1.5e-5], observedAt: AT }],
  ['vector-empty', { kind: 'NoSeries' }],
  ['vector-nan', { kind: 'NotANumber' }],
  ['vector-inf', { kind: 'NonFinite', value: Number.POSITIVE_INFINITY }],
  ['vector-negative-inf', { kind: 'NonFinite', value: Number.NEGATIVE_INFINITY }],
  ['vector-two', { kind: 'ManySeries', count: 2, results: [1, 2] }],
  ['scalar', { kind: 'Value', result: 5, observedAt: AT + 500 }],
  ['scalar-nan', { kind: 'NotANumber' }],
  ['matrix-one', { kind: 'Value', result: [1, 2.5, 3], observedAt: AT }],
  ['matrix-two', { kind: 'ManySeries', count: 2 }],
  ['matrix-empty', { kind: 'NoSeries' }],
  ['warnings', { kind: 'Partial', warnings: ['No StoreAPIs matched for this query'] }],
  ['infos-only', { kind: 'Value', result: [1], observedAt: AT }],
  ['victoria-partial', { kind: 'Partial', warnings: ['the answer is marked partial'] }],
  ['victoria-complete', { kind: 'Value', result: [1], observedAt: AT }],
])('reads the recorded answer %s', (name, expected) => {
  expect(read(name)).toEqual(expected);
});

test.each([
  ['vector-histogram', 'ConfigError', /native histogram/],
  ['string', 'ConfigError', /text, not a number/],
  ['bad-data', 'ConfigError', /parse error/],
])('%s is a mistake of the user', (name, kind, message) => {
  expect(read(name)).toMatchObject({ kind, message: expect.stringMatching(message) });
});

test.each([
  ['execution', false],
  ['timeout', true],
  ['no-status', true],
  ['no-data', true],
  ['vector-number-as-number', true],
  ['vector-word', true],
])('%s is a failure of the provider (retryable: %s)', (name, retryable) => {
  expect(read(name)).toMatchObject({ kind: 'ProviderError', retryable });
});

test('more series than can be judged are counted and not cut', () => {
  const series = (count: number) => ({
    resultType: 'vector',
    result: Array.from({ length: count }, () => ({ metric: {}, value: [AT / 1000, '1'] })),
  });
  const of = (count: number) => {
    const sample = readPrometheusResponse(JSON.stringify({ status: 'success', data: series(count) }), { at: AT });
    return sample.kind === 'ManySeries' ? [sample.count, sample.results?.length] : [];
  };
  expect([of(1000), of(1001)]).toEqual([
    [1000, 1000],
    [1001, undefined],
  ]);
});

const PROMQL_INFO = 'PromQL info: metric might not be a counter, name does not end in _total: "sli" (1:10)';
test.each([
  [[PROMQL_INFO, '3 more info annotations omitted'], { kind: 'Value' }],
  [[PROMQL_INFO, 'no store: x'], { kind: 'Partial', warnings: ['no store: x'] }],
  [['PromQL warning: bucket label "le" is missing'], { kind: 'Partial' }],
])('notes of PromQL among the warnings make no answer partial: %j', (warnings, expected) => {
  const data = { resultType: 'vector', result: [{ metric: {}, value: [AT / 1000, '1'] }] };
  for (const isSecretQuery of [false, true]) {
    const sample = readPrometheusResponse(JSON.stringify({ status: 'success', data, warnings }), {
      at: AT,
      isSecretQuery,
    });
    expect(sample).toMatchObject(isSecretQuery ? { kind: expected.kind } : expected);
  }
});

test('a sample older than maxAge is stale, one younger is a value', () => {
  expect(read('vector-integer', 499)).toEqual({ kind: 'Stale', ageMs: 500 });
  expect(read('vector-integer', 500)).toMatchObject({ kind: 'Value' });
  expect(read('matrix-one', 100)).toMatchObject({ kind: 'Stale' });
});

test.each([
  [true, 'expanding series: proxy Series(): rpc error: code = Aborted desc = No StoreAPIs matched for this query'],
  [true, 'expanding series: context deadline exceeded'],
  [true, 'Post "http://store:10901": dial tcp 10.0.0.1:10901: connect: connection refused'],
  [true, 'query timed out in query execution'],
  [false, 'multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)'],
  [false, undefined],
])('an execution error is an outage (%s) by what it says: %s', (retryable, error) => {
  const body = JSON.stringify({ status: 'error', errorType: 'execution', error });
  for (const isSecretQuery of [false, true])
    expect(httpStatusFailure(422, body, { at: AT, isSecretQuery })).toMatchObject({ kind: 'ProviderError', retryable });
});

test('a web page, a cut body and an empty body are never a value', () => {
  const of = (body: string) => readPrometheusResponse(body, { at: AT });
  expect(of('<html>login</html>')).toMatchObject({ kind: 'ConfigError' });
  expect(of('{"status":"success","data":{"resultType":"vec')).toMatchObject({ kind: 'ProviderError', retryable: true });
  expect(of('')).toMatchObject({ kind: 'ProviderError', retryable: true });
  expect(of('[]')).toMatchObject({ kind: 'ProviderError' });
});

test('text of the provider is cut to 256 printable characters and freed of secrets', () => {
  const error = `Bearer s3cret\u0000\n${'x'.repeat(5000)}`;
  const body = JSON.stringify({ status: 'error', errorType: 'bad_data', error });
  const sample = readPrometheusResponse(body, { at: AT, secrets: ['s3cret'] });
  expect(sample).toMatchObject({ kind: 'ConfigError', message: expect.not.stringContaining('s3cret') });
  if (sample.kind !== 'ConfigError') throw new Error('unreachable');
  expect(sample.message.length).toBeLessThanOrEqual(256);
  expect(sample.message).toMatch(/^[\x20-\x7e]+$/);
});

test('of two secrets the longer is taken out first, or the rest of it would be left', () => {
  const body = JSON.stringify({ status: 'error', errorType: 'bad_data', error: 'token abc-tail' });
  const sample = readPrometheusResponse(body, { at: AT, secrets: ['abc', 'abc-tail'] });
  expect(sample).toMatchObject({ message: 'the query is wrong: bad_data: token ***' });
});

describe('of a query that holds a secret', () => {
  const read = (envelope: object) =>
    readPrometheusResponse(JSON.stringify(envelope), { at: AT, secrets: ['s3cr3t[tail'], isSecretQuery: true });

  test.each([
    ['bad_data', 'ConfigError', 'the query is wrong: bad_data: what'],
    ['execution', 'ProviderError', 'execution: what'],
    ['timeout', 'ProviderError', 'timeout: what'],
    ['422', 'ProviderError', '422: what'],
    ['tail', 'ProviderError', 'unknown: what'],
  ])('an error %s is told by its type alone', (errorType, kind, begins) => {
    const sample = read({ status: 'error', errorType, error: 'error parsing regexp: missing closing ]: `[tail`' });
    expect(sample).toMatchObject({ kind, message: expect.stringContaining(begins) });
    expect(JSON.stringify(sample)).not.toMatch(/tail/);
    expect(JSON.stringify(sample)).toMatch(/not shown, because the query holds a secret argument/);
  });

  test('warnings are told of, not repeated', () => {
    const sample = read({
      status: 'success',
      data: { resultType: 'vector', result: [] },
      warnings: ['no {t="[tail"}'],
    });
    expect(sample).toEqual({
      kind: 'Partial',
      warnings: ['a warning of the provider is not shown, because the query holds a secret argument'],
    });
    const partial = read({ status: 'success', isPartial: true, data: { resultType: 'vector', result: [] } });
    expect(partial).toEqual({ kind: 'Partial', warnings: ['the answer is marked partial'] });
  });

  test('a value is a value', () => {
    const data = { resultType: 'vector', result: [{ metric: {}, value: [AT / 1000, '0.5'] }] };
    expect(read({ status: 'success', data })).toMatchObject({ kind: 'Value', result: [0.5] });
  });
});

test.each([
  [302, '', 'ConfigError', undefined],
  [400, JSON.stringify(fixtures['bad-data']), 'ConfigError', undefined],
  [401, '<html>', 'ProviderError', true],
  [403, '', 'ProviderError', true],
  [404, '<html>', 'ConfigError', undefined],
  [418, '', 'ProviderError', false],
  [422, JSON.stringify(fixtures.execution), 'ProviderError', false],
  [429, '', 'ProviderError', true],
  [500, 'oops', 'ProviderError', true],
  [502, '<html>Bad Gateway</html>', 'ProviderError', true],
  [503, JSON.stringify(fixtures.timeout), 'ProviderError', true],
  [504, '', 'ProviderError', true],
])('HTTP %i becomes %s', (status, body, kind, retryable) => {
  const sample = httpStatusFailure(status, body, { at: AT });
  expect(sample).toMatchObject({ kind, ...(retryable === undefined ? {} : { retryable }) });
  expect(JSON.stringify(sample)).not.toContain('<html>');
});

test.each([
  ['ECONNREFUSED', 'ProviderError'],
  ['ENOTFOUND', 'ProviderError'],
  ['EAI_AGAIN', 'ProviderError'],
  ['CERT_HAS_EXPIRED', 'ProviderError'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'ConfigError'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'ConfigError'],
  ['ERR_INVALID_CHAR', 'ConfigError'],
])('error code %s becomes %s, and its text is not repeated', (code, kind) => {
  const sample = networkFailure(Object.assign(new Error('https://user:hunter2@host/'), { code }));
  expect(sample.kind).toBe(kind);
  expect(JSON.stringify(sample)).not.toContain('hunter2');
});

test('what is not the provider is told apart from what is wrong with the question', () => {
  const declared = ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'ERR_INVALID_URL', 'ERR_INVALID_CHAR'].map(code =>
    networkFailure(Object.assign(new Error(), { code })),
  );
  const elsewhere = [302, 404].map(status => httpStatusFailure(status, 'default backend - 404', { at: AT }));
  for (const sample of [...declared, ...elsewhere, readPrometheusResponse('<html>login</html>', { at: AT })])
    expect(sample).toMatchObject({ kind: 'ConfigError', ofProvider: true });
  expect(read('bad-data')).not.toHaveProperty('ofProvider');
});

test('sample strings follow the oracle: NaN is no value, 0 is 0', () => {
  expect(readNumber('NaN')).toBeNaN();
  expect(readNumber('0')).toBe(0);
  for (const raw of ['', ' 1', '1 ', '0x10', '1_000', 'nan', 'Infinity', null, 0.5, true])
    expect(readNumber(raw)).toBeUndefined();
});
