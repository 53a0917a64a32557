// The verdict of this browser about a statement's signature.

import { useEffect, useState } from "react";
import { useWords } from "../words/language.tsx";
import * as member from "../words/member.ts";
import { judge, type Verdict } from "./statement.ts";

export function Checked({ statement }: { statement: { format: string; signed: string; publicKey: string } }) {
  const { story } = useWords(member);
  const [verdict, setVerdict] = useState<Verdict | "asking">("asking");
  const { format, signed, publicKey } = statement;
  useEffect(() => {
    let gone = false;
    judge(format, signed, publicKey).then((found) => !gone && setVerdict(found));
    return () => {
      gone = true;
    };
  }, [format, signed, publicKey]);
  const said = { asking: story.checking, holds: story.checked, fails: story.unsound, unknown: story.unchecked }[
    verdict
  ];
  return (
    <span data-verdict={verdict} className={verdict === "fails" ? "unsound" : undefined}>
      {said}
    </span>
  );
}
