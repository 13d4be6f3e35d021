/** Label values by name, sorted by name; an empty value is the same as no label and is never kept. */
export type Labels = ReadonlyMap<string, string>;

/** The label that holds a metric's name. */
export const METRIC_NAME = '__name__';

/** Builds labels from pairs in any order; empty values drop out, a later pair replaces an earlier one. */
export function labelsOf(pairs: Iterable<readonly [string, string]>): Labels {
  const unsorted = new Map(pairs);
  const names = [...unsorted.keys()].filter(name => unsorted.get(name) !== '').sort();
  return new Map(names.map(name => [name, unsorted.get(name) ?? '']));
}

/** The same labels always give the same key. */
export function labelsKey(labels: Labels): string {
  return JSON.stringify([...labels]);
}

/** Labels without some names. */
export function withoutLabels(labels: Labels, names: readonly string[]): Labels {
  return new Map([...labels].filter(([name]) => !names.includes(name)));
}

/** Only some names of labels. */
export function onlyLabels(labels: Labels, names: readonly string[]): Labels {
  return new Map([...labels].filter(([name]) => names.includes(name)));
}

/** Labels as PromQL writes them: `{code="200", pod="a"}`. */
export function labelsText(labels: Labels): string {
  return `{${[...labels].map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(', ')}}`;
}
