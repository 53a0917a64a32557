// All credits and all transfers of a member.

import { Panel } from "../pieces/shown.tsx";
import { useSpeech, useWords } from "../words/language.tsx";
import * as member from "../words/member.ts";
import { CreditTable } from "./CreditTable.tsx";
import { TransferTable } from "./TransferTable.tsx";

export default function Credits() {
  const words = useWords(member);
  const { words: frame } = useSpeech();
  return (
    <>
      <div className="page-head">
        <div>
          <h1>{words.credits}</h1>
          <p className="lead">{words.creditsLead}</p>
        </div>
      </div>
      <Panel title={words.credits}>
        <CreditTable first={25} />
      </Panel>
      <TransferTable downloadName={frame.csv} />
    </>
  );
}
