// Energy by day, week, month and year.

import { ActionIcon, SegmentedControl } from "@mantine/core";
import { useState } from "react";
import { SPANS, type Span, spanOf } from "../figures/times.ts";
import { useSpeech, useWords } from "../words/language.tsx";
import * as member from "../words/member.ts";
import { EnergyOfSpan } from "./EnergyOfSpan.tsx";

export default function Energy() {
  const { clock, zone } = useSpeech();
  const words = useWords(member);
  const [span, setSpan] = useState<Span>("day");
  const [steps, setSteps] = useState(0);
  const { from, until } = spanOf(span, Date.now(), steps, zone);
  const title = {
    day: clock.longDay(from),
    week: `${clock.day(from)} – ${clock.day(until.getTime() - 1)}`,
    month: clock.month(from),
    year: clock.year(from),
  }[span];
  return (
    <>
      <div className="page-head">
        <h1>{words.energy}</h1>
        <div className="chooser no-print">
          <SegmentedControl
            aria-label={words.energy}
            value={span}
            onChange={(value) => {
              setSpan(value as Span);
              setSteps(0);
            }}
            data={SPANS.map((value) => ({ value, label: words.spans[value] }))}
          />
          <ActionIcon variant="default" size="lg" aria-label={words.before} onClick={() => setSteps(steps - 1)}>
            ‹
          </ActionIcon>
          <ActionIcon
            variant="default"
            size="lg"
            aria-label={words.after}
            disabled={steps === 0}
            onClick={() => setSteps(steps + 1)}
          >
            ›
          </ActionIcon>
        </div>
      </div>
      <EnergyOfSpan span={span} steps={steps} title={title} whole />
    </>
  );
}
