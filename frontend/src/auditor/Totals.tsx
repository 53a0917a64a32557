// Control totals: what is counted in different places must be equal.

import { amount, sum } from "../figures/amounts.ts";
import { csv, download } from "../figures/csv.ts";
import { graphql } from "../graphql/gql.ts";
import { useAsk } from "../live/hooks.tsx";
import { Answer, Figure, Hash, Panel, Scroll, State } from "../pieces/shown.tsx";
import * as auditor from "../words/auditor.ts";
import { useSpeech, useWords } from "../words/language.tsx";
import * as member from "../words/member.ts";

const TOTALS = graphql(`
  query Totals {
    supply { token minted burned finalMinted finalBurned }
    balances { member { id name } final mintedNotFinal earnedNotYetMinted }
    chainHead { head finalised headHash }
  }
`);

export default function Totals() {
  const { exactTokens, whole, words: frame } = useSpeech();
  const words = useWords(auditor);
  const { parts } = useWords(member);
  const answer = useAsk(TOTALS, {}, { refreshMs: 15_000 });
  return (
    <>
      <div className="page-head">
        <div>
          <h1>{words.totals}</h1>
          <p className="lead">{words.totalsLead}</p>
        </div>
      </div>
      <Answer of={answer} rows={8}>
        {({ supply, balances, chainHead }) => {
          const minted = sum(supply.map((each) => amount(each.minted) - amount(each.burned)));
          const final = sum(supply.map((each) => amount(each.finalMinted) - amount(each.finalBurned)));
          const held = sum(balances.map((each) => amount(each.final) + amount(each.mintedNotFinal)));
          const heldFinal = sum(balances.map((each) => amount(each.final)));
          const pairs = [
            { one: words.supply, a: minted, other: words.balancesSum, b: held },
            { one: words.supplyFinal, a: final, other: words.finalSum, b: heldFinal },
          ];
          return (
            <>
              {pairs.map(({ one, a, other, b }) => (
                <Panel
                  key={one}
                  title={one}
                  aside={<State tone={a === b ? "good" : "bad"}>{a === b ? words.equal : words.unequal}</State>}
                >
                  <dl className="ledger" data-equal={a === b}>
                    <div>
                      <dt>{one}</dt>
                      <dd>
                        <Figure value={exactTokens(a)} unit="KWH" />
                      </dd>
                    </div>
                    <div>
                      <dt>{other}</dt>
                      <dd>
                        <Figure value={exactTokens(b)} unit="KWH" />
                      </dd>
                    </div>
                    <div className="sum">
                      <dt>{words.difference}</dt>
                      <dd>
                        <Figure value={(a < b ? "\u2212" : "") + exactTokens(a < b ? b - a : a - b)} unit="KWH" />
                      </dd>
                    </div>
                  </dl>
                </Panel>
              ))}
              <Panel
                title={words.member}
                aside={
                  <button
                    type="button"
                    className="link no-print"
                    onClick={() =>
                      download(
                        "balances.csv",
                        csv([
                          ["member", "final_base_units", "minted_not_final_base_units", "earned_not_minted_base_units"],
                          ...balances.map((each) => [
                            each.member?.id,
                            each.final,
                            each.mintedNotFinal,
                            each.earnedNotYetMinted,
                          ]),
                        ]),
                      )
                    }
                  >
                    {frame.csv}
                  </button>
                }
              >
                <Scroll>
                  <table className="data">
                    <thead>
                      <tr>
                        <th scope="col">{words.member}</th>
                        <th scope="col" className="number">
                          {parts.final}, KWH
                        </th>
                        <th scope="col" className="number">
                          {parts.way}, KWH
                        </th>
                        <th scope="col" className="number">
                          {parts.earned}, KWH
                        </th>
                      </tr>
                    </thead>
                    <tbody>
                      {balances.map((each) => (
                        <tr key={each.member?.id ?? ""}>
                          <td>{each.member?.name ?? "–"}</td>
                          <td className="number">{exactTokens(amount(each.final))}</td>
                          <td className="number">{exactTokens(amount(each.mintedNotFinal))}</td>
                          <td className="number">{exactTokens(amount(each.earnedNotYetMinted))}</td>
                        </tr>
                      ))}
                    </tbody>
                  </table>
                </Scroll>
                {chainHead && (
                  <p className="note">
                    {words.fields.block} {whole(chainHead.head)} / {whole(chainHead.finalised)} ·{" "}
                    <Hash value={chainHead.headHash} kind="block" />
                  </p>
                )}
              </Panel>
            </>
          );
        }}
      </Answer>
    </>
  );
}
