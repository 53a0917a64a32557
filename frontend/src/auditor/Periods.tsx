// Reconciliation by period and source: what was verified, issued and minted, and how each issuance stands.

import { Button } from "@mantine/core";
import { useState } from "react";
import { amount, sum } from "../figures/amounts.ts";
import { csv, download } from "../figures/csv.ts";
import { graphql } from "../graphql/gql.ts";
import { useAsk } from "../live/hooks.tsx";
import { usePeriod } from "../pieces/PeriodChooser.tsx";
import { Reconciliation } from "../pieces/Reconciliation.tsx";
import { Answer, Empty, Figure, Hash, Panel, Scroll, State } from "../pieces/shown.tsx";
import * as auditor from "../words/auditor.ts";
import { kindName } from "../words/kinds.ts";
import { useSpeech, useWords } from "../words/language.tsx";

const RECONCILED = graphql(`
  query Reconciled($since: DateTime!, $until: DateTime!, $sourceId: ID, $first: PageSize!) {
    reconciled(since: $since, until: $until, sourceId: $sourceId, first: $first) {
      nodes { periodStart periodEnd energyWh amount state explained txHash blockNumber issuance { id fromWh toWh } source { name } }
      pageInfo { hasNextPage }
    }
  }
`);

const PAGE = 100;
const ALL = 500;

export function Periods() {
  const { clock, kwh, exactTokens, language, words: frame } = useSpeech();
  const words = useWords(auditor);
  const { period, fields } = usePeriod(2);
  const [first, setFirst] = useState(PAGE);
  const asked = { since: period.since, until: period.until, sourceId: period.sourceId, first };
  const answer = useAsk(RECONCILED, asked, { refreshMs: 30_000 });
  return (
    <>
      <div className="page-head">
        <div>
          <h1>{words.reconciliation}</h1>
          <p className="lead">{words.lead}</p>
        </div>
      </div>
      <Reconciliation />
      <Panel title={words.period} aside={fields}>
        <Answer of={answer} rows={8}>
          {({ reconciled: { nodes, pageInfo } }) => {
            if (nodes.length === 0) return <Empty>{words.noneInPeriod}</Empty>;
            const rows = nodes.map((each) => [
              each.periodStart,
              each.periodEnd,
              each.source?.name,
              each.energyWh,
              each.amount,
              each.state,
              each.explained ? "explained" : "",
              each.txHash,
              each.blockNumber,
              each.issuance?.id,
            ]);
            return (
              <>
                <Scroll>
                  <table className="data">
                    <thead>
                      <tr>
                        <th scope="col">{words.period}</th>
                        <th scope="col">{words.source}</th>
                        <th scope="col" className="number">
                          {words.energy}
                        </th>
                        <th scope="col" className="number">
                          {words.amount}
                        </th>
                        <th scope="col">{words.state}</th>
                        <th scope="col">{words.transaction}</th>
                      </tr>
                    </thead>
                    <tbody>
                      {nodes.map((each) => (
                        <tr key={each.issuance?.id ?? `${each.periodStart} ${each.source?.name}`}>
                          <td>
                            {clock.moment(each.periodStart)}–{clock.time(each.periodEnd)}
                          </td>
                          <td>{each.source?.name ?? "–"}</td>
                          <td className="number">
                            <Figure value={kwh(each.energyWh)} unit="kWh" />
                          </td>
                          <td className="number">
                            <Figure value={exactTokens(amount(each.amount))} unit="KWH" />
                          </td>
                          <td>
                            <State
                              tone={
                                each.state === "matched"
                                  ? "good"
                                  : /^(pending|planned)$/.test(each.state)
                                    ? "way"
                                    : each.explained
                                      ? "calm"
                                      : "bad"
                              }
                            >
                              {words.states[each.state] ?? kindName(each.state, language)}
                              {each.explained ? `, ${words.explained}` : ""}
                            </State>
                          </td>
                          <td>{each.txHash ? <Hash value={each.txHash} kind="tx" /> : "–"}</td>
                        </tr>
                      ))}
                    </tbody>
                    <tfoot>
                      <tr>
                        <th scope="row" colSpan={2}>
                          {nodes.length}
                        </th>
                        <td className="number">
                          <Figure value={kwh(sum(nodes.map((each) => BigInt(each.energyWh))))} unit="kWh" />
                        </td>
                        <td className="number">
                          <Figure value={exactTokens(sum(nodes.map((each) => amount(each.amount))))} unit="KWH" />
                        </td>
                        <td colSpan={2} />
                      </tr>
                    </tfoot>
                  </table>
                </Scroll>
                <div className="under-chart no-print">
                  {pageInfo.hasNextPage && first < ALL ? (
                    <Button variant="default" size="xs" onClick={() => setFirst(ALL)}>
                      {frame.more}
                    </Button>
                  ) : (
                    <span />
                  )}
                  <button
                    type="button"
                    className="link"
                    onClick={() =>
                      download(
                        `reconciliation-${period.name}.csv`,
                        csv([
                          [
                            "period_start",
                            "period_end",
                            "source",
                            "energy_wh",
                            "amount_base_units",
                            "state",
                            "explained",
                            "transaction",
                            "block",
                            "issuance",
                          ],
                          ...rows,
                        ]),
                      )
                    }
                  >
                    {frame.csv}
                  </button>
                </div>
              </>
            );
          }}
        </Answer>
      </Panel>
    </>
  );
}
