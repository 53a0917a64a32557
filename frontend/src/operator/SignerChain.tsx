// How far the chain is read, what the signer signed lately, and who did what.

import { amount, sum } from "../figures/amounts.ts";
import { graphql } from "../graphql/gql.ts";
import { useAsk, useLive } from "../live/hooks.tsx";
import { Answer, Empty, Figure, Hash, Panel, Scroll, State } from "../pieces/shown.tsx";
import { kindName } from "../words/kinds.ts";
import { useSpeech, useWords } from "../words/language.tsx";
import * as operator from "../words/operator.ts";

const HEAD = graphql(`
  subscription Head($after: Cursor) {
    chainHead(after: $after) { cursor chainHead { chainId head headHash finalised nodeHead lag updatedAt } }
  }
`);
const ATTEMPTS = graphql(`
  query Attempts {
    supply { token minted burned }
    issuances(first: 25) {
      nodes { id state source { name } attempts { number nonce account maxFeeWei state txHash requestedAt signedAt } }
    }
    auditEntries(first: 25) { nodes { id actor command subject reason recordedAt } }
  }
`);
const WEI_PER_GWEI = 10n ** 9n;

export default function SignerChain() {
  const { clock, whole, tokens, age, language } = useSpeech();
  const words = useWords(operator);
  const head = useLive(HEAD, {}, "chainHead");
  const answer = useAsk(ATTEMPTS, {}, { refreshMs: 10_000 });
  const chain = head?.chainHead.chainHead;
  return (
    <>
      <h1>{words.signerChain}</h1>
      {head && !chain && <Empty>{words.noChain}</Empty>}
      {chain && (
        <Panel title={words.signerChain} aside={<span className="note">chain {chain.chainId}</span>}>
          <dl className="three">
            <div>
              <dt>{words.head}</dt>
              <dd>{whole(chain.head)}</dd>
              <dd className="told">
                <small>
                  <Hash value={chain.headHash} kind="block" />
                </small>
              </dd>
            </div>
            <div>
              <dt>{words.finalised}</dt>
              <dd>{whole(chain.finalised)}</dd>
              <dd className="told">
                <small>
                  {words.updated} {age(chain.updatedAt)}
                </small>
              </dd>
            </div>
            <div>
              <dt>{words.lag}</dt>
              <dd>{words.blocks(whole(chain.lag))}</dd>
            </div>
          </dl>
          {answer.data && (
            <p className="note">
              {words.supply}: {tokens(sum(answer.data.supply.map((each) => amount(each.minted) - amount(each.burned))))}{" "}
              KWH
            </p>
          )}
        </Panel>
      )}
      <Answer of={answer} rows={8}>
        {({ issuances, auditEntries }) => {
          const attempts = issuances.nodes.flatMap((issuance) =>
            issuance.attempts.map((attempt) => ({ ...attempt, issuance })),
          );
          return (
            <>
              <Panel title={words.attempts}>
                {attempts.length === 0 ? (
                  <Empty>{words.noAttempts}</Empty>
                ) : (
                  <Scroll>
                    <table className="data">
                      <thead>
                        <tr>
                          <th scope="col" className="number">
                            {words.nonce}
                          </th>
                          <th scope="col">{words.state}</th>
                          <th scope="col">{words.requested}</th>
                          <th scope="col" className="number">
                            {words.signatureTook}
                          </th>
                          <th scope="col" className="number">
                            {words.fee}
                          </th>
                          <th scope="col">{words.account}</th>
                          <th scope="col">Hash</th>
                        </tr>
                      </thead>
                      <tbody>
                        {attempts.map((each) => (
                          <tr key={`${each.issuance.id} ${each.number}`}>
                            <td className="number">{whole(each.nonce)}</td>
                            <td>
                              <State
                                tone={
                                  each.issuance.state === "final"
                                    ? "good"
                                    : each.issuance.state === "stopped"
                                      ? "bad"
                                      : "way"
                                }
                              >
                                {kindName(each.issuance.state, language)}
                              </State>
                            </td>
                            <td>{clock.moment(each.requestedAt)}</td>
                            <td className="number">
                              {each.signedAt
                                ? `${whole(Math.max(0, Date.parse(each.signedAt) - Date.parse(each.requestedAt)))}\u202fms`
                                : "–"}
                            </td>
                            <td className="number">
                              <Figure value={whole(amount(each.maxFeeWei) / WEI_PER_GWEI)} unit="Gwei" />
                            </td>
                            <td>
                              <Hash value={each.account} kind="address" />
                            </td>
                            <td>{each.txHash ? <Hash value={each.txHash} kind="tx" /> : "–"}</td>
                          </tr>
                        ))}
                      </tbody>
                    </table>
                  </Scroll>
                )}
              </Panel>
              {auditEntries.nodes.length > 0 && (
                <Panel title={words.audit}>
                  <Scroll>
                    <table className="data">
                      <thead>
                        <tr>
                          <th scope="col">{words.readAt}</th>
                          <th scope="col">{words.by}</th>
                          <th scope="col">{words.command}</th>
                          <th scope="col">{words.subject}</th>
                          <th scope="col">{words.reason}</th>
                        </tr>
                      </thead>
                      <tbody>
                        {auditEntries.nodes.map((each) => (
                          <tr key={each.id}>
                            <td>{clock.moment(each.recordedAt)}</td>
                            <td>{each.actor}</td>
                            <td>{each.command.replaceAll("_", " ")}</td>
                            <td className="mono">{each.subject}</td>
                            <td>{each.reason}</td>
                          </tr>
                        ))}
                      </tbody>
                    </table>
                  </Scroll>
                </Panel>
              )}
            </>
          );
        }}
      </Answer>
    </>
  );
}
