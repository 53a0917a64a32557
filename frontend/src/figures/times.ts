// Instants in the community's time zone. The browser's own zone never counts: a quarter-hour is the community's.

import { TZDate } from "@date-fns/tz";
import { addDays, addMonths, addYears, startOfDay, startOfMonth, startOfWeek, startOfYear } from "date-fns";
import type { Language } from "./numbers.ts";

export type Span = "day" | "week" | "month" | "year";
export const SPANS: readonly Span[] = ["day", "week", "month", "year"];

const LOCALES: Record<Language, string> = { de: "de-AT", en: "en-GB" };

/** The `span` that holds `now`, moved by `steps`: [from, until) as instants. Days of 23 and 25 hours are right. */
export function spanOf(span: Span, now: number, steps: number, zone: string): { from: Date; until: Date } {
  const here = new TZDate(now, zone);
  const plain = (date: Date) => new Date(date.getTime());
  switch (span) {
    case "day": {
      const from = addDays(startOfDay(here), steps);
      return { from: plain(from), until: plain(addDays(from, 1)) };
    }
    case "week": {
      const from = addDays(startOfWeek(here, { weekStartsOn: 1 }), 7 * steps);
      return { from: plain(from), until: plain(addDays(from, 7)) };
    }
    case "month": {
      const from = addMonths(startOfMonth(here), steps);
      return { from: plain(from), until: plain(addMonths(from, 1)) };
    }
    case "year": {
      const from = addYears(startOfYear(here), steps);
      return { from: plain(from), until: plain(addYears(from, 1)) };
    }
  }
}

/** The day of `instant` in the zone as YYYY-MM-DD. */
export const dayOf = (instant: number | string | Date, zone: string): string => {
  const date = new TZDate(new Date(instant).getTime(), zone);
  const two = (value: number) => String(value).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
};

/** The instant at which the day `YYYY-MM-DD` begins in the zone. */
export function dayStart(day: string, zone: string): Date {
  const [year = 0, month = 1, date = 1] = day.split("-").map(Number);
  return new Date(new TZDate(year, month - 1, date, zone).getTime());
}

/** The instant of `YYYY-MM-DDTHH:MM` on the zone's clocks; null where that is no time. An hour that comes twice is its first. */
export function instantOf(local: string, zone: string): Date | null {
  const parts = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)$/.exec(local)?.slice(1).map(Number);
  if (!parts) return null;
  const [year = 0, month = 1, date = 1, hour = 0, minute = 0] = parts;
  const at = new TZDate(year, month - 1, date, hour, minute, zone).getTime();
  const before = new TZDate(at - 3_600_000, zone);
  return new Date(before.getHours() === hour && before.getMinutes() === minute ? before.getTime() : at);
}

/** How the two languages write instants of this zone. */
export function clockOf(language: Language, zone: string) {
  const made = (options: Intl.DateTimeFormatOptions) =>
    new Intl.DateTimeFormat(LOCALES[language], { timeZone: zone, ...options });
  const time = made({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const day = made({ day: "numeric", month: "short" });
  const longDay = made({ weekday: "long", day: "numeric", month: "long" });
  const fullDay = made({ day: "numeric", month: "long", year: "numeric" });
  const month = made({ month: "long", year: "numeric" });
  const shortMonth = made({ month: "short" });
  const year = made({ year: "numeric" });
  const weekday = made({ weekday: "short", day: "numeric" });
  const read = (format: Intl.DateTimeFormat) => (at: string | number | Date) => format.format(new Date(at));
  return {
    time: read(time),
    day: read(day),
    longDay: read(longDay),
    fullDay: read(fullDay),
    month: read(month),
    shortMonth: read(shortMonth),
    year: read(year),
    weekday: read(weekday),
    moment: (at: string | number | Date) => `${day.format(new Date(at))}, ${time.format(new Date(at))}`,
    zone,
  };
}

/** How long ago, in the one unit that a person would say. */
export function age(from: string | Date, now: number, language: Language): string {
  const seconds = Math.round((new Date(from).getTime() - now) / 1000);
  const words = new Intl.RelativeTimeFormat(LOCALES[language], { numeric: "auto" });
  const units: [Intl.RelativeTimeFormatUnit, number][] = [
    ["day", 86_400],
    ["hour", 3600],
    ["minute", 60],
  ];
  for (const [unit, size] of units) {
    if (Math.abs(seconds) >= size) return words.format(Math.trunc(seconds / size), unit);
  }
  return words.format(0, "minute");
}
