import { expect, test } from "vitest";
import { isDone, type Known, nextStep, STEPS, stepsOf } from "./steps.ts";

const NOTHING: Known = {
  device: false,
  key: false,
  meter: false,
  point: false,
  installation: false,
  direction: null,
  source: false,
  measures: false,
  reading: false,
  approved: false,
};
const ORDER: (keyof Known)[] = ["device", "key", "meter", "point", "installation", "source", "measures", "reading"];

test("a device of a plant takes every step in its order", () => {
  const known = { ...NOTHING };
  for (const [at, fact] of ORDER.entries()) {
    expect(nextStep(known)).toBe(STEPS[at]);
    Object.assign(known, { [fact]: true }, fact === "installation" ? { direction: "production" } : {});
  }
  expect(nextStep(known)).toBe("approval");
  expect(nextStep({ ...known, approved: true })).toBeNull();
});

test("consumption has no source and no approval", () => {
  const known: Known = { ...NOTHING, device: true, key: true, installation: true, direction: "consumption" };
  expect(stepsOf(known)).not.toContain("source");
  expect(nextStep(known)).toBe("serial");
  expect(nextStep({ ...known, measures: true, reading: true })).toBeNull();
});

test("whoever comes later needs no memory: an installation names its meter and its metering point", () => {
  const known: Known = { ...NOTHING, device: true, key: true, installation: true, direction: "production" };
  expect(isDone("meter", known) && isDone("point", known)).toBe(true);
  expect(nextStep(known)).toBe("source");
});
