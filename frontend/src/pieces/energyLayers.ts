// What a chart and its table are made of.

import type { Span } from "../figures/times.ts";
import type { useSpeech } from "../words/language.tsx";

export interface Layer {
  key: string;
  name: string;
  colour: string;
  kind: "bar" | "line";
}

/** One column: when it starts, and watt-hours by the layers' keys; null is unknown and leaves a hole. */
export interface Column {
  start: string;
  values: Record<string, number | null>;
}

export type Clock = ReturnType<typeof useSpeech>["clock"];

export function label(clock: Clock, span: Span, start: string): string {
  if (span === "day") return clock.time(start);
  if (span === "week") return `${clock.weekday(start)}, ${clock.time(start)}`;
  return span === "month" ? clock.day(start) : clock.month(start);
}
