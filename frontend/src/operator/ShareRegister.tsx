// The share register: every revision of every plant, and the desk for a new one.

import { graphql } from "../graphql/gql.ts";
import { useAsk } from "../live/hooks.tsx";
import { Answer, Empty, Hash, Panel, Scroll, State } from "../pieces/shown.tsx";
import { useSpeech, useWords } from "../words/language.tsx";
import * as member from "../words/member.ts";
import * as operator from "../words/operator.ts";
import { ImportDesk } from "./ImportDesk.tsx";
import { ShareEditor } from "./ShareEditor.tsx";
import { ShareProposals } from "./ShareProposals.tsx";

const REGISTER = graphql(`
  query ShareRegister {
    energySources(first: 100) {
      nodes {
        id name shareTotal
        shareTables { id revision shareTotal configHash validFrom validTo shares { shareCount address holder { id name } } }
      }
    }
  }
`);

export default function ShareRegister() {
  const { clock, whole, percent } = useSpeech();
  const words = useWords(operator).shareRegister;
  const { revision } = useWords(member);
  const answer = useAsk(REGISTER, {});
  return (
    <>
      <div className="page-head">
        <div>
          <h1>{words.title}</h1>
          <p className="lead">{words.lead}</p>
        </div>
      </div>
      <Answer of={answer} rows={8}>
        {({ energySources: { nodes } }) => {
          if (nodes.length === 0)
            return (
              <Panel title={words.title}>
                <Empty>–</Empty>
              </Panel>
            );
          const now = Date.now();
          const register = nodes.map((source) => (
            <Panel key={source.id} title={source.name}>
              {source.shareTables.map((table) => {
                const current =
                  Date.parse(table.validFrom) <= now && (!table.validTo || Date.parse(table.validTo) > now);
                return (
                  <details key={table.id} open={current} className="revision">
                    <summary>
                      {revision} {table.revision} · {clock.moment(table.validFrom)} –{" "}
                      {table.validTo ? clock.moment(table.validTo) : "…"}{" "}
                      {current && <State tone="good">{words.current}</State>}
                    </summary>
                    <Scroll>
                      <table className="data">
                        <thead>
                          <tr>
                            <th scope="col">{words.holder}</th>
                            <th scope="col" className="number">
                              {words.count}
                            </th>
                            <th scope="col" className="number">
                              {words.part}
                            </th>
                            <th scope="col">Wallet</th>
                          </tr>
                        </thead>
                        <tbody>
                          {table.shares.map((share) => (
                            <tr key={share.address}>
                              <td>{share.holder?.name ?? "–"}</td>
                              <td className="number">{whole(share.shareCount)}</td>
                              <td className="number">
                                {percent(Math.floor((share.shareCount * 1000) / table.shareTotal))}
                              </td>
                              <td>
                                <Hash value={share.address} kind="address" />
                              </td>
                            </tr>
                          ))}
                        </tbody>
                        <tfoot>
                          <tr>
                            <th scope="row">
                              <Hash value={table.configHash} />
                            </th>
                            <td className="number">
                              {whole(table.shares.reduce((sum, share) => sum + share.shareCount, 0))}
                            </td>
                            <td colSpan={2} />
                          </tr>
                        </tfoot>
                      </table>
                    </Scroll>
                  </details>
                );
              })}
            </Panel>
          ));
          return (
            <>
              {register}
              <ShareEditor sources={nodes} />
            </>
          );
        }}
      </Answer>
      <ShareProposals />
      <p className="lead">{words.rowsLead}</p>
      <ImportDesk kinds={["SHARES"]} title={words.rows} />
    </>
  );
}
