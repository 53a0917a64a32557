// The verdict of this browser about a statement's signature.

import { useEffect, useState } from "react";
import { State } from "../pieces/shown.tsx";
import * as auditor from "../words/auditor.ts";
import { useWords } from "../words/language.tsx";
import * as member from "../words/member.ts";
import { judge, type Verdict } from "./statement.ts";

interface Given {
  format: string;
  signed: string;
  publicKey: string;
}

function useVerdict({ format, signed, publicKey }: Given): Verdict | "asking" {
  const [verdict, setVerdict] = useState<Verdict | "asking">("asking");
  useEffect(() => {
    let gone = false;
    judge(format, signed, publicKey).then((found) => !gone && setVerdict(found));
    return () => {
      gone = true;
    };
  }, [format, signed, publicKey]);
  return verdict;
}

export function Checked({ statement }: { statement: Given }) {
  const { story } = useWords(member);
  const verdict = useVerdict(statement);
  const said = { asking: story.checking, holds: story.checked, fails: story.unsound, unknown: story.unchecked }[
    verdict
  ];
  return (
    <span data-verdict={verdict} className={verdict === "fails" ? "unsound" : undefined}>
      {said}
    </span>
  );
}

/** The same in a word, for tables. */
export function CheckedMark({ statement }: { statement: Given }) {
  const words = useWords(auditor);
  const verdict = useVerdict(statement);
  const tone = ({ asking: "calm", holds: "good", fails: "bad", unknown: "calm" } as const)[verdict];
  return (
    <span data-verdict={verdict}>
      <State tone={tone}>{verdict === "asking" ? "…" : words[verdict]}</State>
    </span>
  );
}
