import { labelsKey, METRIC_NAME, onlyLabels, withoutLabels } from '../labels.ts';
import type { AggregateExpression, AggregateOperator } from './expression.ts';
import type { Element } from './value.ts';

const REDUCE: Readonly<Record<AggregateOperator, (values: readonly number[]) => number>> = {
  sum: values => values.reduce((total, value) => total + value, 0),
  avg: values => values.reduce((total, value) => total + value, 0) / values.length,
  count: values => values.length,
  min: values => values.reduce((least, value) => (value < least || Number.isNaN(least) ? value : least), Number.NaN),
  max: values => values.reduce((most, value) => (value > most || Number.isNaN(most) ? value : most), Number.NaN),
};

/** Aggregates the elements of each group; without elements there are no groups. */
export function aggregate(expression: Omit<AggregateExpression, 'argument'>, elements: readonly Element[]): Element[] {
  const { operator, without, labels: names } = expression;
  const groups = new Map<string, { labels: Element['labels']; values: number[] }>();
  for (const { labels, value } of elements) {
    const grouping = without ? withoutLabels(labels, [...names, METRIC_NAME]) : onlyLabels(labels, names);
    const key = labelsKey(grouping);
    const group = groups.get(key) ?? { labels: grouping, values: [] };
    group.values.push(value);
    groups.set(key, group);
  }
  return [...groups.values()].map(({ labels, values }) => ({ labels, value: REDUCE[operator](values) }));
}
