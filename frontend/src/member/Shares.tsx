// A member's shares: today's, and every revision of the share register that he stood in.

import { graphql } from "../graphql/gql.ts";
import { useAsk } from "../live/hooks.tsx";
import { CorrectionList } from "../pieces/CorrectionList.tsx";
import { Answer, Empty, Hash, Panel, Scroll } from "../pieces/shown.tsx";
import { useSpeech, useWords } from "../words/language.tsx";
import * as member from "../words/member.ts";

const HELD = graphql(`
  query Shares {
    members(first: 10) { nodes { id name shares { shareCount shareTotal address source { id name nameplateW } } } }
  }
`);
const HISTORY = graphql(`
  query ShareHistory {
    energySources(first: 50) {
      nodes { id name shareTables { id revision validFrom validTo shareTotal shares { shareCount holder { id name } } } }
    }
  }
`);

export default function Shares() {
  const { whole, clock, kwh, percent } = useSpeech();
  const words = useWords(member);
  const answer = useAsk(HELD, {});
  const history = useAsk(HISTORY, {});
  return (
    <>
      <div className="page-head">
        <div>
          <h1>{words.shares}</h1>
          <p className="lead">{words.sharesLead}</p>
        </div>
      </div>
      <Answer of={answer} rows={6}>
        {({ members }) => {
          const ids = new Set(members.nodes.map(({ id }) => id));
          const held = members.nodes.flatMap(({ shares }) => shares);
          const histories = (history.data?.energySources.nodes ?? [])
            .map((source) => ({
              ...source,
              tables: source.shareTables.map((table) => ({
                ...table,
                own: table.shares.reduce(
                  (count, share) => count + (share.holder && ids.has(share.holder.id) ? share.shareCount : 0),
                  0,
                ),
              })),
            }))
            .filter(({ tables }) => tables.some(({ own }) => own > 0));
          if (held.length === 0 && histories.length === 0)
            return (
              <Panel title={words.shares}>
                <Empty>{words.noShares}</Empty>
              </Panel>
            );
          return (
            <>
              <div className="columns">
                {held.map((share) => (
                  <Panel key={`${share.source?.id} ${share.address}`} title={share.source?.name ?? "–"}>
                    <p className="big">{words.share(whole(share.shareCount), whole(share.shareTotal))}</p>
                    <p className="note">
                      {percent(Math.floor((share.shareCount * 1000) / share.shareTotal))}
                      {share.source ? ` · ${kwh(share.source.nameplateW, 1)} kWp` : ""} ·{" "}
                      <Hash value={share.address} kind="address" />
                    </p>
                  </Panel>
                ))}
              </div>
              <Panel title={words.sharesOverTime}>
                <Scroll>
                  <table className="data">
                    <thead>
                      <tr>
                        <th scope="col">{words.source}</th>
                        <th scope="col" className="number">
                          {words.revision}
                        </th>
                        <th scope="col">{words.from}</th>
                        <th scope="col">{words.until}</th>
                        <th scope="col" className="number">
                          {words.shares}
                        </th>
                      </tr>
                    </thead>
                    <tbody>
                      {histories.flatMap((source) =>
                        source.tables.map((table) => (
                          <tr key={table.id}>
                            <td>{source.name}</td>
                            <td className="number">{table.revision}</td>
                            <td>{clock.fullDay(table.validFrom)}</td>
                            <td>{table.validTo ? clock.fullDay(table.validTo) : "–"}</td>
                            <td className="number">{words.share(whole(table.own), whole(table.shareTotal))}</td>
                          </tr>
                        )),
                      )}
                    </tbody>
                  </table>
                </Scroll>
              </Panel>
              <Panel title={words.notices}>
                <CorrectionList empty={words.noNotices} sources={new Set(histories.map(({ id }) => id))} />
              </Panel>
            </>
          );
        }}
      </Answer>
    </>
  );
}
