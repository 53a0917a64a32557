import { describe, expect, test } from "vitest";
import { amount, permille, sum } from "./amounts.ts";
import { counted, exactTokens, kilowattHours, percent, tokens, whole } from "./numbers.ts";
import { age, dayOf, dayStart, instantOf, spanOf } from "./times.ts";

const VIENNA = "Europe/Vienna";
const LARGEST = (2n ** 256n - 1n).toString();

describe("amounts", () => {
  test("the largest amount keeps every digit", () => {
    expect(amount(LARGEST).toString()).toBe(LARGEST);
    expect(exactTokens(amount(LARGEST), "en").replaceAll(/[\u202f.]/g, "")).toBe(LARGEST);
  });
  test.each(["", "-1", "1.0", "1e3", " 1", (2n ** 256n).toString(), "9".repeat(79)])("%j is no amount", (text) => {
    expect(() => amount(text)).toThrow(RangeError);
  });
  test("parts are cut, never rounded up", () => {
    expect(tokens(amount("1999999999999999999"), "en")).toBe("1.999");
    expect(tokens(amount("1999999999999999999"), "de")).toBe("1,999");
    expect(tokens(999_999_999_999_999n, "en")).toBe("0.000");
  });
  test("sums and thousandths", () => {
    expect(sum([1n, 2n, 3n])).toBe(6n);
    expect(permille(1n, 3n)).toBe(333);
    expect(permille(1n, 0n)).toBe(0);
  });
});

describe("numbers", () => {
  test("groups of three and the language's decimal mark", () => {
    expect(whole(1234567, "de")).toBe("1\u202f234\u202f567");
    expect(kilowattHours(1234567890, "de")).toBe("1\u202f234\u202f567,890");
    expect(kilowattHours(1234, "en", 1)).toBe("1.2");
    expect(kilowattHours(999, "en", 0)).toBe("0");
  });
  test("a negative figure has a real minus, and no minus before nothing", () => {
    expect(kilowattHours(-1500, "en", 1)).toBe("\u22121.5");
    expect(kilowattHours(-9, "en", 1)).toBe("0.0");
  });
  test("percent is cut", () => expect(percent(999, "de")).toBe("99,9\u202f%"));
});

describe("times", () => {
  test("the day of the spring change has 23 hours, that of autumn 25", () => {
    const spring = spanOf("day", Date.parse("2026-03-29T12:00:00Z"), 0, VIENNA);
    expect(spring.from.toISOString()).toBe("2026-03-28T23:00:00.000Z");
    expect(spring.until.toISOString()).toBe("2026-03-29T22:00:00.000Z");
    const autumn = spanOf("day", Date.parse("2026-10-24T12:00:00Z"), 1, VIENNA);
    expect((autumn.until.getTime() - autumn.from.getTime()) / 3_600_000).toBe(25);
  });
  test("months and years begin at the zone's midnight", () => {
    expect(spanOf("month", Date.parse("2026-07-31T23:30:00Z"), 0, VIENNA).from.toISOString()).toBe(
      "2026-07-31T22:00:00.000Z",
    );
    expect(spanOf("year", Date.parse("2026-07-01T00:00:00Z"), -1, VIENNA).until.toISOString()).toBe(
      "2025-12-31T23:00:00.000Z",
    );
    expect(spanOf("week", Date.parse("2026-11-29T22:30:00Z"), 0, VIENNA).from.toISOString()).toBe(
      "2026-11-22T23:00:00.000Z",
    );
  });
  test("a day and its beginning belong together", () => {
    for (const day of ["2026-03-29", "2026-10-25", "2026-12-31"])
      expect(dayOf(dayStart(day, VIENNA), VIENNA)).toBe(day);
  });
  test("age in one unit", () => {
    const now = Date.parse("2026-06-15T12:00:00Z");
    expect(age("2026-06-15T09:10:00Z", now, "en")).toBe("2 hours ago");
    expect(age("2026-06-12T09:10:00Z", now, "de")).toBe("vor 3 Tagen");
  });
});

describe("what is written and typed", () => {
  test("one of a thing is told as one", () => {
    expect([0, 1, 2].map((count) => counted(count, "frame", "frames"))).toEqual(["0 frames", "1 frame", "2 frames"]);
    expect(counted("1", "Block", "Blöcke")).toBe("1 Block");
    expect(counted("1\u202f001", "Block", "Blöcke")).toBe("1\u202f001 Blöcke");
  });
  test("a time on the community's clocks is one instant, in summer, in winter, and where the clocks change", () => {
    expect(instantOf("2026-06-16T00:00", VIENNA)?.toISOString()).toBe("2026-06-15T22:00:00.000Z");
    expect(instantOf("2026-12-01T06:15", VIENNA)?.toISOString()).toBe("2026-12-01T05:15:00.000Z");
    expect(instantOf("2026-10-25T02:30", VIENNA)?.toISOString()).toBe("2026-10-25T00:30:00.000Z");
  });
  test.each(["", "2026-06-16", "2026-06-16T00:00:30", "now"])("%j is no time", (typed) => {
    expect(instantOf(typed, VIENNA)).toBeNull();
  });
});
