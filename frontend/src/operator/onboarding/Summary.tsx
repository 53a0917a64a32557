// A step in a few words: what stands in the books, or what was entered here before an installation names it.

import { kindName } from "../../words/kinds.ts";
import { useSpeech, useWords } from "../../words/language.tsx";
import * as operator from "../../words/operator.ts";
import type { Draft } from "./draft.ts";
import type { OnWay } from "./onWay.ts";
import type { Step } from "./steps.ts";

export function Summary({ step, of, draft }: { step: Step; of: OnWay; draft: Draft }) {
  const { clock, kwh, language } = useSpeech();
  const words = useWords(operator);
  const { device, place, source, first } = of;
  const typed = (at: Step, ...columns: string[]): string =>
    draft.entered.includes(at) ? columns.map((column) => draft.typed[at]?.[column] ?? "").join(" ") : "";
  const told = (): string => {
    switch (step) {
      case "device":
        return device?.name ?? "";
      case "key":
        return device?.keys.map(({ kid }) => kid).join(", ") ?? "";
      case "meter":
        return place
          ? `${place.meter.maker} ${place.meter.model} · ${place.meter.serial}`
          : typed("meter", "maker", "model", "meter");
      case "point":
        return place?.meteringPoint
          ? `${place.meteringPoint.name} · ${kindName(place.meteringPoint.direction, language)}`
          : typed("point", "name", "metering_point");
      case "installation":
        return place ? `${words.validFrom} ${clock.moment(place.validFrom)}` : "";
      case "source":
        return source?.name ?? "";
      case "serial":
        return device?.state === "active" && place ? place.meter.serial : "";
      case "reading":
        return first ? `${clock.moment(first.at)} · ${kwh(first.registerWh)} kWh` : "";
      case "approval":
        return source?.approvedAt ? clock.moment(source.approvedAt) : "";
    }
  };
  return <span className="note">{told()}</span>;
}
