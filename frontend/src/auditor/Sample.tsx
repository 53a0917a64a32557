// A sample that anybody can draw again: ranked by the hash of a public seed.

import { Button, NumberInput, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { download } from "../figures/csv.ts";
import { graphql } from "../graphql/gql.ts";
import type { EvidenceQuery } from "../graphql/graphql.ts";
import { useAsk, useAskNow } from "../live/hooks.tsx";
import { usePeriod } from "../pieces/PeriodChooser.tsx";
import { Panel, Trouble } from "../pieces/shown.tsx";
import * as auditor from "../words/auditor.ts";
import { useWords } from "../words/language.tsx";
import { EvidenceTable } from "./EvidenceTable.tsx";
import { draw, EVIDENCE, type Item } from "./evidence.ts";

const RUN_BLOCK = graphql(`query FinalisedBlock { reconciliation { finalisedHash } }`);

export default function Sample() {
  const words = useWords(auditor);
  const askNow = useAskNow();
  const { period, fields } = usePeriod(7);
  const block = useAsk(RUN_BLOCK, {}).data?.reconciliation?.finalisedHash;
  const [seed, setSeed] = useState("");
  const [count, setCount] = useState(5);
  const [drawn, setDrawn] = useState<{ items: Item[]; of: number; seed: string } | null>(null);
  const [problem, setProblem] = useState<Error | null>(null);
  const [busy, setBusy] = useState(false);

  const go = async (event?: FormEvent) => {
    event?.preventDefault();
    setBusy(true);
    setProblem(null);
    try {
      const items: Item[] = [];
      for (let after: string | null = null, more = true; more; ) {
        const page: EvidenceQuery = await askNow(EVIDENCE, {
          since: period.since,
          until: period.until,
          sourceId: period.sourceId,
          first: 200,
          after,
        });
        items.push(...page.reconciled.nodes.filter(({ txHash }) => txHash));
        after = page.reconciled.pageInfo.endCursor ?? null;
        more = page.reconciled.pageInfo.hasNextPage && after !== null;
      }
      setDrawn({ items: await draw(items, seed, count), of: items.length, seed });
    } catch (error) {
      setProblem(error as Error);
    }
    setBusy(false);
  };

  return (
    <>
      <div className="page-head">
        <div>
          <h1>{words.sample}</h1>
          <p className="lead">{words.sampleLead}</p>
        </div>
      </div>
      <Panel title={words.period} aside={fields}>
        <form onSubmit={go} className="form">
          <TextInput
            label={words.seed}
            description={words.seedNote}
            value={seed}
            onChange={(event) => setSeed(event.currentTarget.value)}
            required
            withAsterisk={false}
            className="wide-field"
          />
          {block && (
            <Button variant="default" onClick={() => setSeed(block)}>
              {words.takeHead}
            </Button>
          )}
          <NumberInput
            label={words.count}
            value={count}
            onChange={(value) => setCount(Math.max(1, Number(value) || 1))}
            min={1}
            max={500}
            allowDecimal={false}
            w="7rem"
          />
          <Button type="submit" loading={busy}>
            {words.draw}
          </Button>
        </form>
        <p className="note">{words.how}</p>
        {problem && <Trouble error={problem} retry={() => void go()} />}
      </Panel>
      {drawn && (
        <Panel
          title={words.drawn(drawn.items.length, drawn.of)}
          aside={
            <button
              type="button"
              className="link no-print"
              onClick={() =>
                download(
                  `sample-${period.name}.json`,
                  JSON.stringify({ seed: drawn.seed, period, of: drawn.of, items: drawn.items }, null, 1),
                  "application/json",
                )
              }
            >
              {words.download}
            </button>
          }
        >
          <div data-seed={drawn.seed}>
            <EvidenceTable items={drawn.items} />
          </div>
        </Panel>
      )}
    </>
  );
}
