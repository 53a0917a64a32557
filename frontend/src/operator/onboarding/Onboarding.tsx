// Bringing in members, metering points, meters, devices, installations, plants and shares.

import { useWords } from "../../words/language.tsx";
import * as onboarding from "../../words/onboarding.ts";
import * as operator from "../../words/operator.ts";
import { ALL_KINDS, ImportDesk } from "../ImportDesk.tsx";
import { UnderWay } from "./UnderWay.tsx";

export default function Onboarding() {
  const words = useWords(operator).onboarding;
  const { many } = useWords(onboarding);
  return (
    <>
      <div className="page-head">
        <h1>{words.title}</h1>
      </div>
      <UnderWay />
      <ImportDesk kinds={ALL_KINDS} title={many} lead={words.lead} />
    </>
  );
}
