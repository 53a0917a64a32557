// Credits as they are minted: each can be opened to the reading, its signature and the block.

import { Fragment, useState } from "react";
import { amount, sum } from "../figures/amounts.ts";
import { graphql } from "../graphql/gql.ts";
import { useLive } from "../live/hooks.tsx";
import { Empty, Figure, Hash, Scroll, State, Waiting } from "../pieces/shown.tsx";
import { useSpeech, useWords } from "../words/language.tsx";
import * as member from "../words/member.ts";
import { CreditStory } from "./CreditStory.tsx";

const SETTLEMENTS = graphql(`
  subscription Credits($first: PageSize!, $after: Cursor) {
    settlements(first: $first, after: $after) {
      cursor
      nodes {
        txHash logIndex readAt mintedWh isFinal blockNumber
        source { name }
        issuance { parts { amount shareCount } }
      }
    }
  }
`);

export function CreditTable({ first }: { first: number }) {
  const { clock, kwh, tokens } = useSpeech();
  const words = useWords(member);
  const [opened, setOpened] = useState<ReadonlySet<string>>(new Set());
  const nodes = useLive(SETTLEMENTS, { first }, "settlements")?.settlements.nodes;
  if (!nodes) return <Waiting rows={first} />;
  if (nodes.length === 0) return <Empty>{words.noCredits}</Empty>;
  const toggle = (tx: string) =>
    setOpened((now) => {
      const next = new Set(now);
      if (!next.delete(tx)) next.add(tx);
      return next;
    });
  return (
    <Scroll>
      <table className="data credits">
        <thead>
          <tr>
            <th scope="col">{words.readAt}</th>
            <th scope="col" className="wide-only">
              {words.source}
            </th>
            <th scope="col" className="number">
              {words.energyColumn}
            </th>
            <th scope="col" className="number">
              {words.yours}
            </th>
            <th scope="col" className="wide-only">
              {words.transaction}
            </th>
            <th scope="col" className="wide-only">
              {words.state}
            </th>
            <th scope="col">
              <span className="unseen">{words.why}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {nodes.map((node) => {
            const open = opened.has(node.txHash);
            const parts = node.issuance?.parts ?? [];
            return (
              <Fragment key={`${node.txHash} ${node.logIndex}`}>
                <tr data-tx={node.txHash}>
                  <td>{clock.moment(node.readAt)}</td>
                  <td className="wide-only">{node.source?.name ?? "–"}</td>
                  <td className="number">
                    <Figure value={kwh(node.mintedWh)} unit="kWh" />
                  </td>
                  <td className="number">
                    <Figure
                      value={parts.length ? tokens(sum(parts.map((part) => amount(part.amount)))) : "–"}
                      unit="kWh"
                    />
                  </td>
                  <td className="wide-only">
                    <Hash value={node.txHash} kind="tx" />
                  </td>
                  <td className="wide-only">
                    <State tone={node.isFinal ? "good" : "way"}>
                      {node.isFinal ? words.states.final : words.states.minted}
                    </State>
                  </td>
                  <td className="number">
                    <button type="button" className="link" aria-expanded={open} onClick={() => toggle(node.txHash)}>
                      {open ? words.hide : words.why}
                    </button>
                  </td>
                </tr>
                {open && (
                  <tr>
                    <td colSpan={7} className="story">
                      <CreditStory txHash={node.txHash} />
                    </td>
                  </tr>
                )}
              </Fragment>
            );
          })}
        </tbody>
      </table>
    </Scroll>
  );
}
