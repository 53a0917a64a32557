// Breaks with age, owner, disposition and story.

import { SegmentedControl } from "@mantine/core";
import { useState } from "react";
import { csv, download } from "../figures/csv.ts";
import { graphql } from "../graphql/gql.ts";
import { useAsk } from "../live/hooks.tsx";
import { BreakActions } from "../operator/BreakActions.tsx";
import { Answer, Empty, Panel, State } from "../pieces/shown.tsx";
import * as auditor from "../words/auditor.ts";
import { kindName } from "../words/kinds.ts";
import { useSpeech, useWords } from "../words/language.tsx";

const BREAKS = graphql(`
  query Breaks($open: Boolean) {
    breaks(open: $open, first: 100) {
      nodes {
        id kind severity subject detail expected found openedAt closedAt closedBy owner disposition
        source { name } story { at actor action text }
      }
    }
  }
`);

export default function Breaks({ decide }: { decide: boolean }) {
  const { clock, age, language, words: frame } = useSpeech();
  const words = useWords(auditor);
  const [which, setWhich] = useState<"open" | "all">("open");
  const answer = useAsk(BREAKS, { open: which === "open" ? true : null }, { refreshMs: 15_000 });
  return (
    <>
      <div className="page-head">
        <div>
          <h1>{words.breaks}</h1>
          <p className="lead">{words.breaksLead}</p>
        </div>
        <SegmentedControl
          className="no-print"
          aria-label={words.breaks}
          value={which}
          onChange={(value) => setWhich(value as "open" | "all")}
          data={[
            { value: "open", label: words.openOnly },
            { value: "all", label: words.all },
          ]}
        />
      </div>
      <Answer of={answer} rows={6}>
        {({ breaks: { nodes } }) =>
          nodes.length === 0 ? (
            <Panel title={words.breaks}>
              <Empty>{words.noBreaks}</Empty>
            </Panel>
          ) : (
            <>
              {nodes.map((each) => (
                <Panel
                  key={each.id}
                  title={kindName(each.kind, language)}
                  aside={
                    <State tone={each.closedAt ? "calm" : "bad"}>
                      {each.closedAt
                        ? words.closed(clock.moment(each.closedAt), each.closedBy ?? words.bothSides)
                        : age(each.openedAt)}
                    </State>
                  }
                >
                  <p>{each.detail}</p>
                  <dl className="facts">
                    <div>
                      <dt>{words.source}</dt>
                      <dd>{each.source?.name ?? "–"}</dd>
                    </div>
                    <div>
                      <dt>{words.expected}</dt>
                      <dd>{each.expected ?? "–"}</dd>
                    </div>
                    <div>
                      <dt>{words.found}</dt>
                      <dd>{each.found ?? "–"}</dd>
                    </div>
                    <div>
                      <dt>{words.owner}</dt>
                      <dd>{each.owner ?? words.nobody}</dd>
                    </div>
                    <div>
                      <dt>{words.disposition}</dt>
                      <dd>{each.disposition ?? "–"}</dd>
                    </div>
                  </dl>
                  {each.story.length > 0 && (
                    <ol className="story-of-break">
                      {each.story.map((entry) => (
                        <li key={`${entry.at} ${entry.action} ${entry.text}`}>
                          <time dateTime={entry.at}>{clock.moment(entry.at)}</time> <b>{entry.actor}</b> {entry.text}
                        </li>
                      ))}
                    </ol>
                  )}
                  {decide && !each.closedAt && (
                    <BreakActions breakId={each.id} owner={each.owner ?? ""} disposition={each.disposition ?? ""} />
                  )}
                </Panel>
              ))}
              <p className="no-print">
                <button
                  type="button"
                  className="link"
                  onClick={() =>
                    download(
                      "breaks.csv",
                      csv([
                        [
                          "id",
                          "kind",
                          "severity",
                          "subject",
                          "source",
                          "expected",
                          "found",
                          "opened_at",
                          "closed_at",
                          "closed_by",
                          "owner",
                          "disposition",
                          "detail",
                        ],
                        ...nodes.map((each) => [
                          each.id,
                          each.kind,
                          each.severity,
                          each.subject,
                          each.source?.name,
                          each.expected,
                          each.found,
                          each.openedAt,
                          each.closedAt,
                          each.closedBy,
                          each.owner,
                          each.disposition,
                          each.detail,
                        ]),
                      ]),
                    )
                  }
                >
                  {frame.csv}
                </button>
              </p>
            </>
          )
        }
      </Answer>
    </>
  );
}
