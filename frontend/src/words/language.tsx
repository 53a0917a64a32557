// The language of the page, and how it writes figures and instants in the community's time zone.

import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from "react";
import type { Language } from "../figures/numbers.ts";
import * as numbers from "../figures/numbers.ts";
import { age, clockOf } from "../figures/times.ts";
import * as frame from "./frame.ts";

const CHOSEN = "community-language";

/** The language that was chosen here before, else the first of the browser's that we speak, else English. */
function firstLanguage(): Language {
  const chosen = localStorage.getItem(CHOSEN);
  if (chosen === "de" || chosen === "en") return chosen;
  const spoken = navigator.languages.map((each) => each.slice(0, 2)).find((each) => each === "de" || each === "en");
  return spoken === "de" ? "de" : "en";
}

function speech(language: Language, zone: string) {
  return {
    language,
    words: language === "de" ? frame.de : frame.en,
    clock: clockOf(language, zone),
    zone,
    whole: (value: bigint | number) => numbers.whole(value, language),
    kwh: (wh: bigint | number, places = 3) => numbers.kilowattHours(wh, language, places),
    tokens: (units: bigint) => numbers.tokens(units, language),
    exactTokens: (units: bigint) => numbers.exactTokens(units, language),
    percent: (thousandths: number) => numbers.percent(thousandths, language),
    age: (at: string | Date) => age(at, Date.now(), language),
  };
}

type Speech = ReturnType<typeof speech> & { choose(language: Language): void };
const SpeechContext = createContext<Speech | null>(null);

export function Speaking({ zone, children }: { zone: string; children: ReactNode }) {
  const [language, setLanguage] = useState(firstLanguage);
  useEffect(() => {
    document.documentElement.lang = language;
  }, [language]);
  const spoken = useMemo(
    () => ({
      ...speech(language, zone),
      choose: (chosen: Language) => {
        localStorage.setItem(CHOSEN, chosen);
        setLanguage(chosen);
      },
    }),
    [language, zone],
  );
  return <SpeechContext value={spoken}>{children}</SpeechContext>;
}

export function useSpeech(): Speech {
  const spoken = useContext(SpeechContext);
  if (!spoken) throw new Error("nothing is spoken outside of Speaking");
  return spoken;
}

/** The words of a view in the language of the page. */
export function useWords<Words>(both: { en: Words; de: Words }): Words {
  const { language } = useSpeech();
  return both[language];
}
