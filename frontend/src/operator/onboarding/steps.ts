// How far a device is on its way into service, from what stands in the books. Nothing is remembered here: whoever opens the
// page sees the same.

export const STEPS = [
  "device",
  "key",
  "meter",
  "point",
  "installation",
  "source",
  "serial",
  "reading",
  "approval",
] as const;
export type Step = (typeof STEPS)[number];

/** What is asked of the books. `meter` and `point` are known before the installation only to him who entered them. */
export interface Known {
  device: boolean;
  key: boolean;
  meter: boolean;
  point: boolean;
  installation: boolean;
  /** Null where there is no installation yet. */
  direction: "production" | "consumption" | null;
  source: boolean;
  measures: boolean;
  reading: boolean;
  approved: boolean;
}

/** The steps of this device: consumption has no source and is never approved for issuance. */
export const stepsOf = (known: Known): readonly Step[] =>
  known.direction === "consumption" ? STEPS.filter((step) => step !== "source" && step !== "approval") : STEPS;

export function isDone(step: Step, known: Known): boolean {
  switch (step) {
    case "meter":
    case "point":
      return known.installation || known[step];
    case "serial":
      return known.measures;
    case "approval":
      return known.approved;
    default:
      return known[step];
  }
}

/** The first step that is not done; null where the device is in service. */
export const nextStep = (known: Known): Step | null => stepsOf(known).find((step) => !isDone(step, known)) ?? null;
