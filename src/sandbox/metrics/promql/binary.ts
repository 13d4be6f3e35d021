import type { Labels } from '../labels.ts';
import { labelsKey, labelsOf, labelsText, METRIC_NAME, onlyLabels, withoutLabels } from '../labels.ts';
import type { BinaryExpression, VectorMatching } from './expression.ts';
import { calculate, isComparison } from './operator.ts';
import { PromqlFailure } from './promql-failure.ts';
import type { Element } from './value.ts';

type Operation = Pick<BinaryExpression, 'operator' | 'bool' | 'matching'>;

/** A vector with a number, on either side. */
export function vectorWithScalar(
  { operator, bool }: Operation,
  elements: readonly Element[],
  scalar: number,
  scalarIsLeft: boolean,
): Element[] {
  return elements.flatMap(element => {
    const [left, right] = scalarIsLeft ? [scalar, element.value] : [element.value, scalar];
    const value = calculate(operator, left, right);
    if (isComparison(operator) && !bool) return value === 1 ? [element] : [];
    return [{ labels: withoutLabels(element.labels, [METRIC_NAME]), value }];
  });
}

/** `and`, `or`, `unless`. */
export function setOperation(
  { operator, matching }: Operation,
  left: readonly Element[],
  right: readonly Element[],
): Element[] {
  const key = ({ labels }: Element) => labelsKey(signature(labels, matching));
  const inRight = new Set(right.map(key));
  if (operator === 'and') return left.filter(element => inRight.has(key(element)));
  if (operator === 'unless') return left.filter(element => !inRight.has(key(element)));
  const inLeft = new Set(left.map(key));
  return [...left, ...right.filter(element => !inLeft.has(key(element)))];
}

/** Two vectors, element by element with the same labels. @throws PromqlFailure `execution` when a match is not unique */
export function vectorWithVector(operation: Operation, left: readonly Element[], right: readonly Element[]): Element[] {
  const { operator, bool, matching } = operation;
  const swapped = matching.cardinality === 'one-to-many';
  const [many, one] = swapped ? [right, left] : [left, right];
  const ones = uniqueBySignature(one, matching, swapped ? 'left' : 'right');
  const used = new Set<string>();
  return many.flatMap(element => {
    const key = labelsKey(signature(element.labels, matching));
    const partner = ones.get(key);
    if (!partner) return [];
    const [a, b] = swapped ? [partner.value, element.value] : [element.value, partner.value];
    const result = calculate(operator, a, b);
    const filters = isComparison(operator) && !bool;
    if (filters && result === 0) return [];
    const labels = resultLabels(element.labels, partner.labels, matching, !filters);
    const unique = matching.cardinality === 'one-to-one' ? key : labelsKey(labels);
    if (used.has(unique)) {
      const why =
        matching.cardinality === 'one-to-one'
          ? 'multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)'
          : 'multiple matches for labels: grouping labels must ensure unique matches';
      throw new PromqlFailure('execution', why);
    }
    used.add(unique);
    return [{ labels, value: filters ? a : result }];
  });
}

function signature(labels: Labels, { on, labels: names }: VectorMatching): Labels {
  return on ? onlyLabels(labels, names) : withoutLabels(labels, [...names, METRIC_NAME]);
}

function uniqueBySignature(elements: readonly Element[], matching: VectorMatching, side: string): Map<string, Element> {
  const found = new Map<string, Element>();
  for (const element of elements) {
    const group = signature(element.labels, matching);
    const key = labelsKey(group);
    const other = found.get(key);
    if (other) {
      const both = `[${labelsText(element.labels)}, ${labelsText(other.labels)}]`;
      const message = `found duplicate series for the match group ${labelsText(group)} on the ${side} hand-side of the operation: ${both}`;
      throw new PromqlFailure(
        'execution',
        `${message};many-to-many matching not allowed: matching labels must be unique on one side`,
      );
    }
    found.set(key, element);
  }
  return found;
}

function resultLabels(many: Labels, one: Labels, matching: VectorMatching, dropsName: boolean): Labels {
  const named = dropsName ? withoutLabels(many, [METRIC_NAME]) : many;
  if (matching.cardinality === 'one-to-one') {
    return matching.on ? onlyLabels(named, matching.labels) : withoutLabels(named, matching.labels);
  }
  const included = matching.include.map(name => [name, one.get(name) ?? ''] as const);
  return labelsOf([...named, ...included]);
}
