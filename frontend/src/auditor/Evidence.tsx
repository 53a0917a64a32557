// Every settlement of a period with its evidence.

import { Button } from "@mantine/core";
import { useState } from "react";
import { download } from "../figures/csv.ts";
import { useAsk } from "../live/hooks.tsx";
import { EvidenceFile } from "../pieces/EvidenceFile.tsx";
import { usePeriod } from "../pieces/PeriodChooser.tsx";
import { Answer, Empty, Panel } from "../pieces/shown.tsx";
import * as auditor from "../words/auditor.ts";
import { useSpeech, useWords } from "../words/language.tsx";
import { EvidenceTable } from "./EvidenceTable.tsx";
import { EVIDENCE } from "./evidence.ts";

export default function Evidence() {
  const words = useWords(auditor);
  const { words: frame } = useSpeech();
  const { period, fields, sources } = usePeriod(7);
  const [first, setFirst] = useState(50);
  const answer = useAsk(EVIDENCE, {
    since: period.since,
    until: period.until,
    sourceId: period.sourceId,
    first,
    after: null,
  });
  return (
    <>
      <div className="page-head">
        <div>
          <h1>{words.settlements}</h1>
          <p className="lead">{words.settlementsLead}</p>
        </div>
      </div>
      <Panel title={words.period} aside={fields}>
        <Answer of={answer} rows={8}>
          {({ reconciled: { nodes, pageInfo } }) =>
            nodes.length === 0 ? (
              <Empty>{words.noneInPeriod}</Empty>
            ) : (
              <>
                <EvidenceTable items={nodes} />
                <div className="under-chart no-print">
                  {pageInfo.hasNextPage && first < 500 ? (
                    <Button variant="default" size="xs" onClick={() => setFirst(500)}>
                      {frame.more}
                    </Button>
                  ) : (
                    <span />
                  )}
                  <button
                    type="button"
                    className="link"
                    onClick={() =>
                      download(`evidence-${period.name}.json`, JSON.stringify(nodes, null, 1), "application/json")
                    }
                  >
                    {words.download}
                  </button>
                </div>
                <p className="bundles no-print">
                  {sources.map(({ id, name }) => (
                    <EvidenceFile
                      key={id}
                      of={name}
                      path={`/evidence/sources/${encodeURIComponent(id)}?${new URLSearchParams({ since: period.since, until: period.until })}`}
                    />
                  ))}
                  <small className="note">{frame.evidenceTold}</small>
                </p>
              </>
            )
          }
        </Answer>
      </Panel>
    </>
  );
}
