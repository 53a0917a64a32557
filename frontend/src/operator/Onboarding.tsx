// Bringing in members, metering points, meters, devices, installations, plants and shares.

import { useWords } from "../words/language.tsx";
import * as operator from "../words/operator.ts";
import { ALL_KINDS, ImportDesk } from "./ImportDesk.tsx";

export default function Onboarding() {
  const words = useWords(operator).onboarding;
  return (
    <>
      <div className="page-head">
        <div>
          <h1>{words.title}</h1>
          <p className="lead">{words.lead}</p>
        </div>
      </div>
      <ImportDesk kinds={ALL_KINDS} title={words.rows} />
    </>
  );
}
