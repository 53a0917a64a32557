// Where a member's credits arrive.

import { graphql } from "../graphql/gql.ts";
import { useAsk } from "../live/hooks.tsx";
import { Answer, Empty, Hash, Panel } from "../pieces/shown.tsx";
import { useSpeech, useWords } from "../words/language.tsx";
import * as member from "../words/member.ts";
import { LinkWallet } from "./LinkWallet.tsx";

const ADDRESSES = graphql(`
  query Addresses { members(first: 10) { nodes { id name coinAddresses { chain address path validFrom validTo } } } }
`);

export default function Wallet() {
  const { clock } = useSpeech();
  const words = useWords(member);
  const answer = useAsk(ADDRESSES, {});
  return (
    <>
      <div className="page-head">
        <div>
          <h1>{words.wallet}</h1>
          <p className="lead">{words.walletLead}</p>
        </div>
      </div>
      <Panel title={words.receive}>
        <Answer of={answer} rows={2}>
          {({ members }) => {
            const addresses = members.nodes.flatMap(({ coinAddresses }) => coinAddresses);
            if (addresses.length === 0) return <Empty>{words.noAddress}</Empty>;
            return (
              <ul className="addresses">
                {addresses.map((each) => (
                  <li key={`${each.chain} ${each.address}`}>
                    <span className="full-address">{each.address}</span> <Hash value={each.address} kind="address" />
                    <p className="note">
                      {each.chain}
                      {each.path ? ` · ${each.path}` : ""} · {words.since(clock.fullDay(each.validFrom))}
                    </p>
                  </li>
                ))}
              </ul>
            );
          }}
        </Answer>
      </Panel>
      {answer.data?.members.nodes.map(({ id }) => (
        <LinkWallet key={id} memberId={id} />
      ))}
    </>
  );
}
