import { describe, expect, test } from "vitest";
import { added, currentOf, missing, stated } from "./shareList.ts";

const ANNA = { id: "a", name: "Anna", count: "300" };
const REST = { id: "z", name: "Treasury", count: "700" };

describe("the list of holders", () => {
  test("begins as the newest revision, in its order", () => {
    const shares = [ANNA, REST].map(({ id, name, count }) => ({ holder: { id, name }, shareCount: Number(count) }));
    expect(currentOf([{ shares }, { shares: [] }])).toEqual([ANNA, REST]);
    expect(currentOf([])).toEqual([]);
  });
  test("a newcomer leaves the last where he is, for he takes what rounding leaves", () => {
    const bernd = { id: "b", name: "Bernd" };
    expect(added([ANNA, REST], bernd).map(({ id }) => id)).toEqual(["a", "b", "z"]);
    expect(added([], bernd).map(({ id }) => id)).toEqual(["b"]);
  });
  test("tells what is still to be given, and what is too much", () => {
    expect(missing([ANNA, REST], 1000)).toBe(0);
    expect(missing([ANNA, { ...REST, count: "" }], 1000)).toBe(700);
    expect(missing([ANNA, REST], 999)).toBe(-1);
  });
  test("states nobody who holds nothing", () => {
    expect(stated([{ ...ANNA, count: "" }, { ...ANNA, count: "0" }, REST])).toEqual([
      { memberId: "z", shareCount: 700 },
    ]);
  });
});
