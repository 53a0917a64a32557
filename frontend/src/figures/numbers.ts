// Numbers as people of a language write them. Figures are cut, never rounded up: nobody is shown more than he has.

import { BASE_UNITS_PER_WH } from "./amounts.ts";

export type Language = "de" | "en";

const MARKS: Record<Language, { group: string; point: string }> = {
  // a narrow no-break space groups in both; the decimal mark differs (DIN 1333, ISO 80000-1)
  de: { group: "\u202f", point: "," },
  en: { group: "\u202f", point: "." },
};

export function whole(value: bigint | number, language: Language): string {
  const digits = BigInt(value).toString();
  const [sign, number] = digits.startsWith("-") ? ["\u2212", digits.slice(1)] : ["", digits];
  return sign + number.replace(/\B(?=(\d{3})+$)/g, MARKS[language].group);
}

/** Watt-hours as kilowatt-hours with `places` decimals (0 to 3), cut. */
export function kilowattHours(wh: bigint | number, language: Language, places = 3): string {
  const value = BigInt(wh);
  const size = value < 0n ? -value : value;
  const decimals = (size % 1000n).toString().padStart(3, "0").slice(0, places);
  const sign = value < 0n && (size / 1000n > 0n || /[1-9]/.test(decimals)) ? "\u2212" : "";
  const units = whole(size / 1000n, language);
  return sign + (places > 0 ? `${units}${MARKS[language].point}${decimals}` : units);
}

/** Base units as kilowatt-hours with three decimals, cut. */
export const tokens = (units: bigint, language: Language): string => kilowattHours(units / BASE_UNITS_PER_WH, language);

/** Base units to the last of their 18 decimals, without trailing zeros: what an auditor compares. */
export function exactTokens(units: bigint, language: Language): string {
  const unit = 1000n * BASE_UNITS_PER_WH;
  const decimals = (units % unit).toString().padStart(18, "0").replace(/0+$/, "").padEnd(3, "0");
  return `${whole(units / unit, language)}${MARKS[language].point}${decimals}`;
}

/** A share of something in percent with one decimal, cut; `thousandths` may be 0 to 1000. */
export const percent = (thousandths: number, language: Language): string =>
  `${Math.trunc(thousandths / 10)}${MARKS[language].point}${Math.trunc(thousandths) % 10}\u202f%`;

/** A counted thing: one frame, two frames. `count` may be written already. */
export const counted = (count: number | string, one: string, more: string): string =>
  `${count} ${String(count) === "1" ? one : more}`;

/** A hash or an address short enough for a table. */
export const short = (hash: string): string => (hash.length > 16 ? `${hash.slice(0, 8)}…${hash.slice(-6)}` : hash);
