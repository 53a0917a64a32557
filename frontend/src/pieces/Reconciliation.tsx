// The three columns that must agree, live.

import { graphql } from "../graphql/gql.ts";
import { useLive } from "../live/hooks.tsx";
import * as auditor from "../words/auditor.ts";
import { useSpeech, useWords } from "../words/language.tsx";
import { Moving } from "./Balance.tsx";
import { Empty, Panel, Waiting } from "./shown.tsx";

const RUN = graphql(`
  subscription Run($after: Cursor) {
    breaks(first: 50, after: $after) {
      cursor
      nodes { id kind severity openedAt detail owner disposition source { name } }
      reconciliation { verifiedWh issuedWh settledWh pendingWh agrees matchCount breakCount startedAt finalisedBlock }
    }
  }
`);

export const useRun = () => useLive(RUN, {}, "breaks")?.breaks;

export function Reconciliation() {
  const { kwh, clock, whole } = useSpeech();
  const words = useWords(auditor);
  const change = useRun();
  const run = change?.reconciliation;
  const good = run?.agrees && change?.nodes.length === 0;
  const verdict = good
    ? run.pendingWh > 0
      ? words.agreeSoFar
      : words.agree
    : words.disagree(change?.nodes.length ?? 0);
  return (
    <Panel
      title={words.reconciliation}
      aside={
        run && (
          <span className={`badge ${good ? "" : "bad"}`} data-testid="verdict">
            {good ? "✓ " : ""}
            {verdict}
          </span>
        )
      }
    >
      {change === undefined && <Waiting rows={3} />}
      {change && !run && <Empty>{words.noRun}</Empty>}
      {run && (
        <>
          <dl className="three columns-of-three">
            {(
              [
                ["verified", run.verifiedWh, words.verified, words.verifiedTold],
                ["issued", run.issuedWh, words.issued, words.issuedTold],
                ["minted", run.settledWh, words.minted, words.mintedTold],
              ] as const
            ).map(([key, wh, name, told]) => (
              <div key={key} data-column={key}>
                <dt>{name}</dt>
                <dd>
                  <Moving text={kwh(wh)} unit="kWh" />
                </dd>
                <dd className="told">
                  <small>{told}</small>
                </dd>
              </div>
            ))}
          </dl>
          {run.pendingWh > 0 && <p className="note">{words.pending(kwh(run.pendingWh))}</p>}
          <p className="note">
            {words.compared(whole(run.matchCount), clock.moment(run.startedAt), whole(run.finalisedBlock))}
          </p>
        </>
      )}
    </Panel>
  );
}
