import { canonicalQuantity } from './quantity.ts';

/** Maps whose values Kubernetes reads as quantities, whatever the spelling. */
const QUANTITY_MAPS = new Set(['limits', 'requests', 'capacity', 'overhead']);
const QUANTITY_FIELDS = new Set(['sizeLimit', 'divisor', 'storage']);

/**
 * One text for all spellings of the same document: keys sorted, null and empty members dropped, quantities
 * normalised. Order of lists is kept, because it has meaning.
 * Example: {b: 1, a: {}, c: null} and {b: 1} give the same text.
 */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(canonical(value, false) ?? null);
}

function canonical(value: unknown, quantity: boolean): unknown {
  if (value === null || value === undefined) return undefined;
  if (quantity && (typeof value === 'string' || typeof value === 'number')) return canonicalQuantity(value) ?? value;
  if (Array.isArray(value)) {
    const items = value.map(item => canonical(item, false) ?? null);
    return items.length > 0 ? items : undefined;
  }
  if (typeof value !== 'object') return value;
  const entries: [string, unknown][] = [];
  for (const key of Object.keys(value).sort()) {
    const member = (value as Record<string, unknown>)[key];
    const kept = QUANTITY_MAPS.has(key) ? quantityMap(member) : canonical(member, QUANTITY_FIELDS.has(key));
    if (kept !== undefined && kept !== '') entries.push([key, kept]);
  }
  return entries.length > 0 ? entries : undefined;
}

function quantityMap(value: unknown): unknown {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return canonical(value, false);
  const entries = Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, member]) => [key, canonical(member, true) ?? null]);
  return entries.length > 0 ? entries : undefined;
}
