// Every member's balance, live.

import { graphql } from "../graphql/gql.ts";
import { useLive } from "../live/hooks.tsx";
import { Balance } from "../pieces/Balance.tsx";
import { Panel, Waiting } from "../pieces/shown.tsx";
import { useWords } from "../words/language.tsx";
import * as operator from "../words/operator.ts";

const ALL = graphql(`
  subscription AllBalances($after: Cursor) {
    balances(after: $after) { cursor nodes { member { id name } final mintedNotFinal earnedNotYetMinted } }
  }
`);

export default function Balances() {
  const words = useWords(operator);
  const nodes = useLive(ALL, {}, "balances")?.balances.nodes;
  return (
    <>
      <h1>{words.balances}</h1>
      {nodes === undefined && <Waiting rows={8} />}
      <div className="columns">
        {nodes?.map((node) => (
          <Panel key={node.member?.id ?? ""} title={node.member?.name ?? "–"} className="small-balance">
            <Balance of={node} memberId={node.member?.id ?? ""} />
          </Panel>
        ))}
      </div>
    </>
  );
}
