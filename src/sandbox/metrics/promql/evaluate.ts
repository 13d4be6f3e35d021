import type { Labels } from '../labels.ts';
import { labelsOf, METRIC_NAME, withoutLabels } from '../labels.ts';
import type { TimeSeriesStore } from '../time-series-store.ts';
import { aggregate } from './aggregate.ts';
import { setOperation, vectorWithScalar, vectorWithVector } from './binary.ts';
import type { BinaryExpression, CallExpression, Expression, VectorSelector } from './expression.ts';
import { histogramQuantile } from './histogram-quantile.ts';
import { matchesAll } from './label-matcher.ts';
import { labelReplace } from './label-replace.ts';
import { calculate } from './operator.ts';
import { overRange } from './range-functions.ts';
import type { Element, RangeSeries, Value } from './value.ts';

/** How old a sample may be and still count as the present value, as in Prometheus. */
const LOOKBACK_MS = 5 * 60_000;

/** Evaluates a checked expression over a store at one time, milliseconds since the epoch. @throws PromqlFailure `execution` */
export function evaluate(expression: Expression, store: TimeSeriesStore, atMs: number): Value {
  return new Evaluation(store, atMs).value(expression);
}

class Evaluation {
  readonly #store: TimeSeriesStore;
  readonly #atMs: number;

  constructor(store: TimeSeriesStore, atMs: number) {
    this.#store = store;
    this.#atMs = atMs;
  }

  value(expression: Expression): Value {
    switch (expression.kind) {
      case 'number':
        return { type: 'scalar', value: expression.value };
      case 'string':
        return { type: 'string', value: expression.value };
      case 'vector':
        return { type: 'vector', elements: this.#select(expression) };
      case 'matrix': {
        const { selector, rangeMs } = expression;
        return { type: 'matrix', series: this.#range(selector, rangeMs), rangeMs };
      }
      case 'unary':
        return this.#unary(expression.negative, this.value(expression.argument));
      case 'aggregate':
        return { type: 'vector', elements: aggregate(expression, this.#vector(expression.argument)) };
      case 'binary':
        return this.#binary(expression);
      case 'call':
        return this.#call(expression);
    }
  }

  /** The newest sample of each series that is not older than the lookback; none when the series has ended. */
  #select(selector: VectorSelector): Element[] {
    return this.#series(selector).flatMap(({ labels, samples }) => {
      const last = samples.findLast(sample => sample.t <= this.#atMs);
      if (!last || last.stale || last.t <= this.#atMs - LOOKBACK_MS) return [];
      return [{ labels, value: last.v, sampledAt: last.t }];
    });
  }

  #range(selector: VectorSelector, rangeMs: number): RangeSeries[] {
    return this.#series(selector).flatMap(({ labels, samples }) => {
      const inside = samples.filter(({ t, stale }) => !stale && t > this.#atMs - rangeMs && t <= this.#atMs);
      return inside.length > 0 ? [{ labels, samples: inside }] : [];
    });
  }

  #series({ matchers }: VectorSelector) {
    const name = matchers.find(matcher => matcher.name === METRIC_NAME && matcher.operator === '=')?.value;
    return this.#store.select(name, labels => matchesAll(matchers, labels));
  }

  #unary(negative: boolean, value: Value): Value {
    if (!negative) return value;
    if (value.type === 'scalar') return { type: 'scalar', value: -value.value };
    const elements = value.type === 'vector' ? value.elements : [];
    return { type: 'vector', elements: mapValues(elements, number => -number) };
  }

  #binary(expression: BinaryExpression): Value {
    const left = this.value(expression.left);
    const right = this.value(expression.right);
    if (left.type === 'scalar' && right.type === 'scalar') {
      return { type: 'scalar', value: calculate(expression.operator, left.value, right.value) };
    }
    return { type: 'vector', elements: this.#vectorBinary(expression, left, right) };
  }

  #vectorBinary(expression: BinaryExpression, left: Value, right: Value): Element[] {
    if (left.type === 'scalar') return vectorWithScalar(expression, elementsOf(right), left.value, true);
    if (right.type === 'scalar') return vectorWithScalar(expression, elementsOf(left), right.value, false);
    const isSet = ['and', 'or', 'unless'].includes(expression.operator);
    const operation = isSet ? setOperation : vectorWithVector;
    return operation(expression, elementsOf(left), elementsOf(right));
  }

  #call({ name, args }: CallExpression): Value {
    const [first] = args;
    switch (name) {
      case 'time':
        return { type: 'scalar', value: this.#atMs / 1000 };
      case 'scalar': {
        const elements = first ? this.#vector(first) : [];
        return { type: 'scalar', value: elements.length === 1 ? (elements[0]?.value ?? Number.NaN) : Number.NaN };
      }
      case 'vector':
        return { type: 'vector', elements: [{ labels: new Map(), value: this.#scalar(first) }] };
      default:
        return { type: 'vector', elements: this.#vectorCall(name, args) };
    }
  }

  #vectorCall(name: string, args: readonly Expression[]): Element[] {
    const [first, second] = args;
    if (first?.kind === 'matrix') {
      const { selector, rangeMs } = first;
      return overRange(name, this.#range(selector, rangeMs), { atMs: this.#atMs, rangeMs });
    }
    switch (name) {
      case 'histogram_quantile':
        return histogramQuantile(this.#scalar(first), second ? this.#vector(second) : []);
      case 'absent':
        return first && this.#vector(first).length === 0 ? [{ labels: absentLabels(first), value: 1 }] : [];
      case 'timestamp':
        return this.#elements(first).map(({ labels, sampledAt }) => ({
          labels: withoutLabels(labels, [METRIC_NAME]),
          value: (sampledAt ?? this.#atMs) / 1000,
        }));
      case 'label_replace': {
        const [target = '', replacement = '', source = '', pattern = ''] = args.slice(1).map(text);
        return labelReplace(this.#elements(first), target, replacement, source, pattern);
      }
      default: {
        const by = args.length > 1 ? this.#scalar(second) : undefined;
        return mapValues(this.#elements(first), value => mathFunction(name, value, by));
      }
    }
  }

  #elements(expression: Expression | undefined): readonly Element[] {
    return expression ? this.#vector(expression) : [];
  }

  #vector(expression: Expression): readonly Element[] {
    return elementsOf(this.value(expression));
  }

  #scalar(expression: Expression | undefined): number {
    const value = expression && this.value(expression);
    return value?.type === 'scalar' ? value.value : Number.NaN;
  }
}

function mathFunction(name: string, value: number, by: number | undefined): number {
  switch (name) {
    case 'abs':
      return Math.abs(value);
    case 'ceil':
      return Math.ceil(value);
    case 'floor':
      return Math.floor(value);
    case 'clamp_min':
      return Math.max(by ?? Number.NaN, value);
    case 'clamp_max':
      return Math.min(by ?? Number.NaN, value);
    case 'round': {
      const inverse = 1 / (by ?? 1);
      return Math.floor(value * inverse + 0.5) / inverse;
    }
    default:
      throw new RangeError(`the function "${name}" is in the table but not implemented`);
  }
}

function elementsOf(value: Value): readonly Element[] {
  return value.type === 'vector' ? value.elements : [];
}

function mapValues(elements: readonly Element[], change: (value: number) => number): Element[] {
  return elements.map(({ labels, value }) => ({ labels: withoutLabels(labels, [METRIC_NAME]), value: change(value) }));
}

function text(expression: Expression): string {
  return expression.kind === 'string' ? expression.value : '';
}

/** What `absent` can say of a series that is not there: the labels that its selector names exactly, and once. */
function absentLabels(expression: Expression): Labels {
  if (expression.kind !== 'vector') return new Map();
  const named = expression.matchers.filter(({ name }) => name !== METRIC_NAME);
  const exact = named.filter(
    ({ name, operator }) => operator === '=' && named.filter(other => other.name === name).length === 1,
  );
  return labelsOf(exact.map(({ name, value }) => [name, value] as const));
}
