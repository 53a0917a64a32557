// Proposed revisions that wait for a second operator.

import { graphql } from "../graphql/gql.ts";
import { useAsk, useAskNow } from "../live/hooks.tsx";
import { Answer, Empty, Panel } from "../pieces/shown.tsx";
import { useSpeech, useWords } from "../words/language.tsx";
import * as operator from "../words/operator.ts";
import { Command } from "./Command.tsx";
import { ShareChanges } from "./ShareChanges.tsx";

const AGAIN_MS = 10_000;
const WAITING = graphql(`
  query WaitingRevisions {
    shareRevisions(first: 100) {
      nodes { id validFrom reason proposedBy isProposedByViewer proposedAt source { id name } changes { before after holder { id name } } }
    }
  }
`);
const APPROVE = graphql(`
  mutation ApproveShareTable($revisionId: ID!, $command: CommandInput!) {
    approveShareTable(revisionId: $revisionId, command: $command) { __typename ... on Problem { sentence } }
  }
`);
const REJECT = graphql(`
  mutation RejectShareTable($revisionId: ID!, $command: CommandInput!) {
    rejectShareTable(revisionId: $revisionId, command: $command) { __typename ... on Problem { sentence } }
  }
`);

export function ShareProposals() {
  const { clock } = useSpeech();
  const words = useWords(operator).shareRegister;
  const ask = useAskNow();
  // Others propose and decide, too: no stream tells of it.
  const answer = useAsk(WAITING, {}, { refreshMs: AGAIN_MS });
  return (
    <Panel title={words.waiting} lead={words.waitingLead}>
      <Answer of={answer} rows={2}>
        {({ shareRevisions: { nodes } }) =>
          nodes.length === 0 ? (
            <Empty>{words.noneWaiting}</Empty>
          ) : (
            nodes.map(({ id, source, validFrom, reason, proposedBy, isProposedByViewer, proposedAt, changes }) => (
              <section key={id} className="stack" data-revision={id}>
                <p>
                  <b>
                    {source?.name ?? "–"}, {words.from} {clock.moment(validFrom)}
                  </b>
                  <br />
                  <q>{reason}</q> <span className="note">{words.proposedBy(proposedBy, clock.moment(proposedAt))}</span>
                </p>
                <ShareChanges of={changes} />
                {isProposedByViewer ? (
                  <p className="note">{words.ownProposal}</p>
                ) : (
                  <div className="actions left">
                    <Command
                      name={words.approve}
                      title={`${words.approve}: ${source?.name ?? ""}`}
                      primary
                      run={async (command) => (await ask(APPROVE, { revisionId: id, command })).approveShareTable}
                    />
                    <Command
                      name={words.reject}
                      title={`${words.reject}: ${source?.name ?? ""}`}
                      danger
                      run={async (command) => (await ask(REJECT, { revisionId: id, command })).rejectShareTable}
                    />
                  </div>
                )}
              </section>
            ))
          )
        }
      </Answer>
    </Panel>
  );
}
