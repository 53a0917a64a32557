// Where a credit comes from, in plain words: the energy, the register, the shares, the signature, the block.

import { Checked } from "../evidence/Checked.tsx";
import { amount } from "../figures/amounts.ts";
import { graphql } from "../graphql/gql.ts";
import { useAsk } from "../live/hooks.tsx";
import { EvidenceFile } from "../pieces/EvidenceFile.tsx";
import { Answer, Hash } from "../pieces/shown.tsx";
import { useSpeech, useWords } from "../words/language.tsx";
import * as member from "../words/member.ts";

const STORY = graphql(`
  query CreditStory($tx: Hash!) {
    viewer { role }
    transfers(txHash: $tx, first: 1) {
      nodes {
        settlement {
          blockNumber
          issuance {
            id energyWh fromWh toWh periodStart periodEnd shareTotal
            source { name }
            parts { shareCount amount holder { name } }
            measurement {
              statement { counter kid isDevelopmentKey recordedAt format signed publicKey }
            }
          }
        }
      }
    }
  }
`);

export function CreditStory({ txHash }: { txHash: string }) {
  const { clock, kwh, tokens, whole } = useSpeech();
  const words = useWords(member);
  const { story } = words;
  const answer = useAsk(STORY, { tx: txHash });
  return (
    <div className="storyline">
      <Answer of={answer} rows={4}>
        {({ viewer, transfers }) => {
          const settlement = transfers.nodes[0]?.settlement;
          const issuance = settlement?.issuance;
          if (!issuance) return <p>{story.unknown}</p>;
          const statement = issuance.measurement?.statement;
          return (
            <>
              <p>
                <b>
                  {story.produced(
                    issuance.source?.name ?? "–",
                    clock.time(issuance.periodStart),
                    clock.time(issuance.periodEnd),
                    kwh(issuance.energyWh),
                  )}
                </b>{" "}
                {story.register(kwh(issuance.fromWh), kwh(issuance.toWh))}
              </p>
              {issuance.parts.map((part) => (
                <p key={`${part.holder?.name} ${part.amount} ${part.shareCount}`}>
                  {story.held(
                    viewer.role === "member" ? story.you : (part.holder?.name ?? story.member),
                    whole(part.shareCount),
                    whole(issuance.shareTotal),
                    tokens(amount(part.amount)),
                  )}
                </p>
              ))}
              {statement && (
                <p>
                  {story.signed(statement.counter, statement.kid.slice(0, 8), clock.moment(statement.recordedAt))}{" "}
                  <Checked statement={statement} /> {statement.isDevelopmentKey && story.development}
                </p>
              )}
              <p>
                {story.onChain(whole(settlement.blockNumber))} <Hash value={txHash} kind="tx" />
              </p>
              <p>
                <EvidenceFile path={`/evidence/issuances/${encodeURIComponent(issuance.id)}`} />
              </p>
            </>
          );
        }}
      </Answer>
    </div>
  );
}
