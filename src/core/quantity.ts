/** Kubernetes quantities ("500m", "1Gi", "1e3") in a canonical spelling, so that equal amounts compare equal. */

const SCALE: Readonly<Record<string, readonly [base: bigint, exponent: number]>> = {
  n: [10n, -9], u: [10n, -6], m: [10n, -3], '': [10n, 0], k: [10n, 3], M: [10n, 6], G: [10n, 9],
  T: [10n, 12], P: [10n, 15], E: [10n, 18],
  Ki: [2n, 10], Mi: [2n, 20], Gi: [2n, 30], Ti: [2n, 40], Pi: [2n, 50], Ei: [2n, 60],
}; // biome-ignore format: a table reads better in rows
const QUANTITY = /^([+-]?)([0-9]+)(?:\.([0-9]+))?(?:(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE])|[eE]([+-]?[0-9]{1,3}))?$/;

/**
 * Canonical form of a quantity in nano-units, or undefined when the value is none.
 * Example: canonicalQuantity("0.5") = canonicalQuantity("500m") = "500000000n".
 */
export function canonicalQuantity(value: unknown): string | undefined {
  const text = typeof value === 'number' ? String(value) : value;
  if (typeof text !== 'string' || text.length > 64) return undefined;
  const match = QUANTITY.exec(text);
  if (!match) return undefined;
  const [, sign, whole = '0', fraction = '', suffix = '', exponentText] = match;
  const [base, exponent] = exponentText === undefined ? (SCALE[suffix] ?? [10n, 0]) : [10n, Number(exponentText)];
  if (base === 10n && exponent < -9 - 30) return undefined;
  const digits = BigInt(whole + fraction) * 1_000_000_000n;
  const scaled = exponent >= 0 ? digits * base ** BigInt(exponent) : digits / base ** BigInt(-exponent);
  const nano = scaled / 10n ** BigInt(fraction.length);
  return `${sign === '-' && nano !== 0n ? '-' : ''}${nano}n`;
}
