// Figures for people. Amounts are BigInt base units: 10^15 are one watt-hour. Nothing is rounded up.

const PER_WH = 10n ** 15n;

/** Base units as kilowatt-hours with three decimals, cut. */
export function kwh(amount) {
  const wh = BigInt(amount) / PER_WH;
  return kwhOfWh(wh);
}

/** Watt-hours as kilowatt-hours with three decimals. */
export function kwhOfWh(wh) {
  const value = BigInt(wh);
  const whole = (value / 1000n).toString().replace(/\B(?=(\d{3})+$)/g, "\u202f");
  return `${whole}.${(value % 1000n).toString().padStart(3, "0")}`;
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

/** An instant as local time of day. */
export const time = (instant) => clock.format(new Date(instant));

/** An instant as local day and time. */
export const moment = (instant) => `${day.format(new Date(instant))}, ${time(instant)}`;

/** The local midnight that begins today plus `days`. A day may have 23 or 25 hours. */
export function midnight(days) {
  const date = new Date();
  date.setHours(0, 0, 0, 0);
  date.setDate(date.getDate() + days);
  return date;
}

/** A hash short enough for a table. */
export const short = (hash) => `${hash.slice(0, 7)}…${hash.slice(-4)}`;

/** A machine's word as people write it. */
export const words = (text) => text.replaceAll("_", " ");

/** An element with properties, attributes (names with a dash or known to be attributes) and children. */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in made && !key.includes("-")) made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}
