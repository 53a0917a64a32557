// Corrections that were recorded.

import { graphql } from "../graphql/gql.ts";
import { useAsk } from "../live/hooks.tsx";
import { useSpeech, useWords } from "../words/language.tsx";
import * as operator from "../words/operator.ts";
import { Answer, Empty, Figure, Hash } from "./shown.tsx";

const CORRECTIONS = graphql(`
  query Corrections {
    corrections(first: 50) { nodes { id kind energyWh evidence reason recordedAt source { id name } } }
  }
`);

/** `sources` narrows to those plants; `empty` is said where there is none. */
export function CorrectionList({ empty, sources }: { empty: string; sources?: ReadonlySet<string> }) {
  const { clock, kwh } = useSpeech();
  const words = useWords(operator).corrections;
  const answer = useAsk(CORRECTIONS, {}, { refreshMs: 60_000 });
  return (
    <Answer of={answer} rows={2}>
      {({ corrections }) => {
        const nodes = corrections.nodes.filter(({ source }) => !sources || (source && sources.has(source.id)));
        if (nodes.length === 0) return <Empty>{empty}</Empty>;
        return (
          <ul className="queue">
            {nodes.map((each) => (
              <li key={each.id}>
                <div>
                  <b>
                    {each.source?.name ?? "–"}: {words.kinds[each.kind]}
                  </b>{" "}
                  <span className="note">{clock.moment(each.recordedAt)}</span>
                  <p className="note">
                    {each.reason} · {words.evidence} <Hash value={each.evidence} />
                  </p>
                </div>
                <Figure value={(each.kind === "DEBT" ? "\u2212" : "+") + kwh(each.energyWh)} unit="kWh" />
              </li>
            ))}
          </ul>
        );
      }}
    </Answer>
  );
}
