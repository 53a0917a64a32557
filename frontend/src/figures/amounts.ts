// Token amounts are base units: decimal strings up to 2^256 - 1, counted in BigInt and never in floats. 10^15 are 1 Wh.

export const BASE_UNITS_PER_WH = 10n ** 15n;
const AMOUNT_MAX = 2n ** 256n - 1n;

/** Base units from the API's decimal string. Throws RangeError for anything else. */
export function amount(text: string): bigint {
  if (!/^\d{1,78}$/.test(text)) throw new RangeError(`no amount of base units: ${text.slice(0, 90)}`);
  const units = BigInt(text);
  if (units > AMOUNT_MAX) throw new RangeError("an amount is at most 2^256 - 1 base units");
  return units;
}

export const sum = (amounts: Iterable<bigint>): bigint => {
  let total = 0n;
  for (const each of amounts) total += each;
  return total;
};

/** `part` of `whole` in thousandths, rounded down; 0 of nothing. */
export const permille = (part: bigint, whole: bigint): number => (whole > 0n ? Number((part * 1000n) / whole) : 0);
