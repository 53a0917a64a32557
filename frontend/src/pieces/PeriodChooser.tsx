// A period of whole days in the community's zone, and a source.

import { NativeSelect, TextInput } from "@mantine/core";
import { useState } from "react";
import { dayOf, dayStart } from "../figures/times.ts";
import { graphql } from "../graphql/gql.ts";
import { useAsk } from "../live/hooks.tsx";
import * as auditor from "../words/auditor.ts";
import { useSpeech, useWords } from "../words/language.tsx";

const SOURCES = graphql(`query SourceNames { energySources(first: 200) { nodes { id name } } }`);
const DAY_MS = 86_400_000;

export interface Period {
  since: string;
  until: string;
  sourceId: string | null;
  name: string;
}

/** The chosen period, the sources in it, and the fields that choose both; `days` is how many it has at first. */
export function usePeriod(days: number) {
  const { zone } = useSpeech();
  const words = useWords(auditor);
  const [first, setFirst] = useState(() => dayOf(Date.now() - (days - 1) * DAY_MS, zone));
  const [last, setLast] = useState(() => dayOf(Date.now(), zone));
  const [sourceId, setSourceId] = useState<string | null>(null);
  const sources = useAsk(SOURCES, {}).data?.energySources.nodes ?? [];
  const since = dayStart(first, zone);
  // the day after the last one; a day has 23 to 25 hours
  const until = dayStart(dayOf(dayStart(last, zone).getTime() + 1.5 * DAY_MS, zone), zone);
  const fields = (
    <div className="chooser no-print">
      <TextInput
        type="date"
        label={words.from}
        value={first}
        max={last}
        onChange={(event) => event.currentTarget.value && setFirst(event.currentTarget.value)}
      />
      <TextInput
        type="date"
        label={words.until}
        value={last}
        min={first}
        onChange={(event) => event.currentTarget.value && setLast(event.currentTarget.value)}
      />
      <NativeSelect
        label={words.source}
        value={sourceId ?? ""}
        onChange={(event) => setSourceId(event.currentTarget.value || null)}
        data={[{ value: "", label: words.allSources }, ...sources.map(({ id, name }) => ({ value: id, label: name }))]}
      />
    </div>
  );
  const period: Period = { since: since.toISOString(), until: until.toISOString(), sourceId, name: `${first}-${last}` };
  const chosen = sources.filter(({ id }) => sourceId === null || id === sourceId);
  return { period, fields, sources: chosen };
}
