// Token movements of one's own addresses, with links to a block explorer, page by page.

import { Button } from "@mantine/core";
import { useState } from "react";
import { amount } from "../figures/amounts.ts";
import { csv, download } from "../figures/csv.ts";
import { graphql } from "../graphql/gql.ts";
import type { TransfersQuery } from "../graphql/graphql.ts";
import { useAsk, useAskNow } from "../live/hooks.tsx";
import { Answer, Empty, Figure, Hash, Panel, Scroll, State } from "../pieces/shown.tsx";
import { useSpeech, useWords } from "../words/language.tsx";
import * as member from "../words/member.ts";

const TRANSFERS = graphql(`
  query Transfers($first: PageSize!, $after: Cursor) {
    viewer { identity { coinAddresses { address } } }
    transfers(first: $first, after: $after) {
      nodes { txHash logIndex blockNumber sender recipient amount kind at isFinal }
      pageInfo { hasNextPage endCursor }
    }
  }
`);

const PAGE = 50;
const ALL_PAGE = 500;
type Node = TransfersQuery["transfers"]["nodes"][number];

export function TransferTable({ downloadName }: { downloadName: string }) {
  const { clock, tokens, words: frame } = useSpeech();
  const words = useWords(member);
  const askNow = useAskNow();
  const [first, setFirst] = useState(PAGE);
  const answer = useAsk(TRANSFERS, { first, after: null }, { refreshMs: 30_000 });

  const downloadAll = async () => {
    const nodes: Node[] = [];
    for (let after: string | null = null, more = true; more; ) {
      const { transfers }: TransfersQuery = await askNow(TRANSFERS, { first: ALL_PAGE, after });
      nodes.push(...transfers.nodes);
      after = transfers.pageInfo.endCursor ?? null;
      more = transfers.pageInfo.hasNextPage && after !== null;
    }
    const rows = nodes.map((each) => [
      each.at,
      each.kind,
      each.sender,
      each.recipient,
      each.amount,
      each.txHash,
      each.blockNumber,
      each.isFinal ? "final" : "minted",
    ]);
    download(
      "transfers.csv",
      csv([["at", "kind", "from", "to", "amount_base_units", "transaction", "block", "state"], ...rows]),
    );
  };

  return (
    <Panel
      title={words.transfers}
      aside={
        <button type="button" className="link no-print" onClick={() => void downloadAll()}>
          {downloadName}
        </button>
      }
    >
      <Answer of={answer} rows={6}>
        {({ viewer, transfers }) => {
          const own = new Set(viewer.identity?.coinAddresses.map(({ address }) => address.toLowerCase()));
          if (transfers.nodes.length === 0) return <Empty>{words.noTransfers}</Empty>;
          return (
            <>
              <Scroll>
                <table className="data">
                  <thead>
                    <tr>
                      <th scope="col">{words.readAt}</th>
                      <th scope="col">
                        <span className="unseen">{words.state}</span>
                      </th>
                      <th scope="col" className="number">
                        {words.energyColumn}
                      </th>
                      <th scope="col">{words.with}</th>
                      <th scope="col">{words.transaction}</th>
                    </tr>
                  </thead>
                  <tbody>
                    {transfers.nodes.map((each) => {
                      const out = own.has(each.sender.toLowerCase());
                      const direction = each.kind === "mint" ? "mint" : out ? "out" : "in";
                      return (
                        <tr key={`${each.txHash} ${each.logIndex}`}>
                          <td>{each.at ? clock.moment(each.at) : "–"}</td>
                          <td>
                            <State tone={each.isFinal ? "good" : "way"}>{words.direction[direction]}</State>
                          </td>
                          <td className="number">
                            <Figure value={(out ? "\u2212" : "") + tokens(amount(each.amount))} unit="kWh" />
                          </td>
                          <td>
                            {direction === "mint" ? (
                              "–"
                            ) : (
                              <Hash value={out ? each.recipient : each.sender} kind="address" />
                            )}
                          </td>
                          <td>
                            <Hash value={each.txHash} kind="tx" />
                          </td>
                        </tr>
                      );
                    })}
                  </tbody>
                </table>
              </Scroll>
              {transfers.pageInfo.hasNextPage && first < ALL_PAGE && (
                <Button
                  variant="default"
                  size="xs"
                  mt="sm"
                  className="no-print"
                  onClick={() => setFirst(Math.min(ALL_PAGE, 2 * first))}
                >
                  {frame.more}
                </Button>
              )}
            </>
          );
        }}
      </Answer>
    </Panel>
  );
}
