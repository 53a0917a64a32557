// The evidence behind minted energy as a file: signed readings, shares and chain, for whoever checks it without us.

import { useState } from "react";
import { handOver } from "../figures/csv.ts";
import { useFile } from "../live/hooks.tsx";
import { useSpeech } from "../words/language.tsx";

/** `path` is where the API makes it, such as /evidence/issuances/iss_…; `of` names what it is about. */
export function EvidenceFile({ path, of }: { path: string; of?: string }) {
  const { words } = useSpeech();
  const fetchFile = useFile();
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const take = async () => {
    setBusy(true);
    setProblem("");
    try {
      const { name, content } = await fetchFile(path);
      handOver(name, content);
    } catch (error) {
      setProblem((error as Error).message);
    }
    setBusy(false);
  };
  return (
    <span className="no-print">
      <button type="button" className="link" title={words.evidenceTold} disabled={busy} onClick={() => void take()}>
        {of ? `${words.evidence}: ${of}` : words.evidence}
      </button>
      {problem && (
        <span className="problem" role="alert">
          {" "}
          {problem}
        </span>
      )}
    </span>
  );
}
