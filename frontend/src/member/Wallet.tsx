// Where a member's credits arrive.

import { QRCodeSVG } from "qrcode.react";
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
                    {!each.validTo && (
                      <QRCodeSVG value={each.address} title={words.qr(each.address)} size={112} marginSize={2} />
                    )}
                    <div>
                      <span className="full-address">
                        <Hash value={each.address} kind="address" whole />
                      </span>
                      <p className="note">
                        {each.chain}
                        {each.path ? ` · ${each.path}` : ""} · {words.since(clock.fullDay(each.validFrom))}
                        {each.validTo ? ` – ${clock.fullDay(each.validTo)}` : ""}
                      </p>
                    </div>
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
