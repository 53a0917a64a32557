// The steps that enter no row: a key that is proven or bound, a number that is compared, a reading that comes, the approval.

import { useSpeech, useWords } from "../../words/language.tsx";
import * as onboarding from "../../words/onboarding.ts";
import * as operator from "../../words/operator.ts";
import { ApproveIssuance, BindKey, ConfirmSerial } from "../commands.tsx";
import type { OnWay } from "./onWay.ts";
import type { Step } from "./steps.ts";

export function Acts({ step, of }: { step: Step; of: OnWay }) {
  const { age, whole } = useSpeech();
  const words = useWords(onboarding);
  const { lastSeen } = useWords(operator);
  const { device, framesWaiting } = of;
  if (!device) return null;
  const seen = device.lastSeenAt ? `${lastSeen(age(device.lastSeenAt))}.` : words.told.nothingYet;
  switch (step) {
    case "key":
      return (
        <div className="stack">
          <pre className="bytes">python -m gateway_agent key register</pre>
          <p className="note" role="status">
            {words.told.keyWaits}
          </p>
          <p className="note">{words.told.keyByHand}</p>
          <div className="actions left">
            <BindKey deviceId={device.id} name={device.name} />
          </div>
        </div>
      );
    case "serial":
      return (
        <div className="actions left">
          <ConfirmSerial deviceId={device.id} name={device.name} />
        </div>
      );
    case "reading":
      return (
        <div className="stack" role="status">
          <p className="note">{seen}</p>
          {framesWaiting > 0 && (
            <>
              <p className="note">{words.told.framesWait(words.frames(whole(framesWaiting)))}</p>
              <pre className="bytes">python -m ingest inbox adopt {device.eui}</pre>
            </>
          )}
        </div>
      );
    case "approval":
      return (
        <div className="actions left">
          <ApproveIssuance deviceId={device.id} name={device.name} />
        </div>
      );
    default:
      return null;
  }
}
