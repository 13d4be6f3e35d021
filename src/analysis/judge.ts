import type { MeasurementPhase } from '../api/analysis-run.ts';
import type { Metric } from '../api/analysis-template.ts';
import { clip } from '../api/clip.ts';
import { type Condition, compileCondition, evaluateCondition } from './condition.ts';
import { MAX_RESULT_LENGTH } from './condition-environment.ts';
import { type MissingSample, missingDataText } from './missing-data.ts';
import type { Sample } from './sample.ts';
import { numberText, resultText, thresholdText } from './threshold-text.ts';

/** The verdict on one measurement, with everything that a person needs to check it. */
export interface Judged {
  readonly phase: MeasurementPhase;
  /** The measured value as text; absent where there was none. */
  readonly value?: string;
  /** What was wanted, for example "≥ 0.95"; absent for a metric that is measured only. */
  readonly threshold?: string;
  /** The query as it was sent. */
  readonly query?: string;
  readonly message: string;
  /** Kind of the sample where data was missing, whatever `onNoData` made of it. */
  readonly noDataReason?: MissingSample['kind'];
}

/** Names for the parts of a case, so that no function takes six arguments. */
interface Case {
  readonly metric: Metric;
  readonly query: string | undefined;
  readonly conditions: readonly { readonly role: 'success' | 'failure'; readonly condition: Condition }[];
}

const MAX_VALUE = 256;
const MAX_MESSAGE = 1024;
const SHOWN_QUERY = 300;

/**
 * Judges one sample. Only numbers are judged; missing data follows `onNoData` (default Hold, which is NoData), unless
 * a condition itself says what it means (isNaN, isInf, len, default, isNil). Mistakes of the user are Error.
 *
 * | successCondition | failureCondition | verdict |
 * |---|---|---|
 * | any | true | Failed |
 * | true | false or absent | Successful |
 * | false | absent | Failed |
 * | false | false | Inconclusive |
 * | absent | false | Successful |
 * | absent | absent, no threshold | Successful: measured only |
 */
export function judge(metric: Metric, sample: Sample, query?: string): Judged {
  const conditions: Case['conditions'][number][] = [];
  for (const role of ['failure', 'success'] as const) {
    const text = role === 'failure' ? metric.failureCondition : metric.successCondition;
    if (text === undefined) continue;
    const compiled = compileCondition(text);
    if (!compiled.ok) return finish({ metric, query, conditions: [] }, 'Error', compiled.message);
    conditions.push({ role, condition: compiled.condition });
  }
  return judgeSample({ metric, query, conditions }, sample);
}

function judgeSample(it: Case, sample: Sample): Judged {
  switch (sample.kind) {
    case 'Value':
      return judgeValue(it, sample.result);
    case 'NotANumber':
      return handles(it, 'handlesNaN') ? askOr(it, [Number.NaN], sample) : noData(it, sample);
    case 'NonFinite':
      return handles(it, 'handlesInfinity') ? askOr(it, [sample.value], sample) : noData(it, sample);
    case 'NoSeries':
      return handles(it, 'handlesEmpty') ? askOr(it, [], sample) : noData(it, sample);
    case 'ZeroTraffic':
    case 'Stale':
    case 'Partial':
      return noData(it, sample);
    case 'ProviderError':
      if (sample.retryable) return noData(it, sample);
      return finish(it, 'Error', `provider refused the query: ${sample.message}`);
    case 'ConfigError':
      return finish(it, 'Error', sample.message);
    case 'ManySeries':
      return judgeMany(it, sample);
  }
}

/* Part of the series must not be judged in the name of all of them. */
function judgeMany(it: Case, { count, results }: Extract<Sample, { kind: 'ManySeries' }>): Judged {
  const isForMany = handles(it, 'handlesManySeries');
  if (isForMany && results?.length === count) return judgeValue(it, results);
  const expected =
    isForMany && count > MAX_RESULT_LENGTH ? `at most ${MAX_RESULT_LENGTH} can be judged` : 'expected one';
  return finish(it, 'Error', `query returned ${count} series, ${expected}; aggregate it, for example with sum()`);
}

function handles(it: Case, what: 'handlesNaN' | 'handlesInfinity' | 'handlesEmpty' | 'handlesManySeries'): boolean {
  return it.conditions.some(({ condition }) => condition.shape[what]);
}

/* Numbers from outside may still hide a NaN: a range with a hole, a backend that the provider does not know. */
function judgeValue(it: Case, result: number | readonly number[]): Judged {
  const list = typeof result === 'number' ? [result] : result;
  if (list.length === 0) return handles(it, 'handlesEmpty') ? ask(it, list) : noData(it, { kind: 'NoSeries' });
  if (list.some(Number.isNaN) && !handles(it, 'handlesNaN')) return noData(it, { kind: 'NotANumber' });
  const infinite = list.find(value => Math.abs(value) === Infinity);
  if (infinite !== undefined && !handles(it, 'handlesInfinity'))
    return noData(it, { kind: 'NonFinite', value: infinite });
  return it.metric.threshold ? compare(it, list, it.metric.threshold) : ask(it, result);
}

/* Every sample of a range has to keep to the threshold. */
function compare(
  it: Case,
  list: readonly number[],
  { min, max }: { min?: number | undefined; max?: number | undefined },
): Judged {
  const bad = list.find(value => (min !== undefined && value < min) || (max !== undefined && value > max));
  if (bad === undefined) return verdict(it, 'Successful', list);
  const bound = min !== undefined && bad < min ? min : max;
  // 0.9499999 below 0.95 has to look below 0.95.
  const value = Number(numberText(bad)) === bound ? String(bad) : numberText(bad);
  const shown = list.length > 1 ? `${value} in ${resultText(list)}` : value;
  return verdict(it, 'Failed', shown);
}

function ask(it: Case, result: number | readonly number[]): Judged {
  const answer = answers(it, result);
  return typeof answer === 'string'
    ? { ...finish(it, 'Error', answer), value: valueText(result) }
    : verdict(it, answer.phase, result);
}

/* A condition that expects missing data but cannot answer about it leaves the case to onNoData. */
function askOr(it: Case, result: readonly number[], sample: MissingSample): Judged {
  const answer = answers(it, result);
  return typeof answer === 'string'
    ? noData(it, sample)
    : verdict(it, answer.phase, result.length === 0 ? 'no series' : result);
}

function answers(it: Case, result: number | readonly number[]): { readonly phase: MeasurementPhase } | string {
  const holds: { success?: boolean; failure?: boolean } = {};
  for (const { role, condition } of it.conditions) {
    const evaluated = evaluateCondition(condition, result);
    if (!evaluated.ok) return `condition "${condition.text}": ${evaluated.message}`;
    if (role === 'failure' && evaluated.holds) return { phase: 'Failed' };
    holds[role] = evaluated.holds;
  }
  if (holds.success !== false) return { phase: 'Successful' };
  return { phase: holds.failure === undefined ? 'Failed' : 'Inconclusive' };
}

function verdict(it: Case, phase: MeasurementPhase, result: string | number | readonly number[]): Judged {
  const value = typeof result === 'string' ? result.slice(0, MAX_VALUE) : valueText(result);
  const wanted = thresholdText(it.metric);
  const message = wanted === undefined ? `${value}, measured only` : `${value}, wanted ${wanted}`;
  return { ...finish(it, phase, message, false), value };
}

function noData(it: Case, sample: MissingSample): Judged {
  const policy = it.metric.onNoData ?? 'Hold';
  const phase = ({ Hold: 'NoData', Inconclusive: 'Inconclusive', Fail: 'Failed', Pass: 'Successful' } as const)[policy];
  const decided = policy === 'Hold' ? '' : ` (onNoData: ${policy})`;
  return { ...finish(it, phase, `${missingDataText(sample)}${decided}`), noDataReason: sample.kind };
}

function finish(it: Case, phase: MeasurementPhase, message: string, withQuery = true): Judged {
  const threshold = thresholdText(it.metric);
  const { query } = it;
  const shown =
    withQuery && query !== undefined ? `; query: ${clip(query.replace(/\s+/g, ' ').trim(), SHOWN_QUERY)}` : '';
  return {
    phase,
    ...(threshold === undefined ? {} : { threshold }),
    ...(query === undefined ? {} : { query }),
    message: clip(`${clip(message, MAX_MESSAGE - SHOWN_QUERY - 10)}${shown}`, MAX_MESSAGE),
  };
}

function valueText(result: number | readonly number[]): string {
  return clip(resultText(result), MAX_VALUE);
}
