// A balance in its three numbers; a number that has moved says so for a moment.

import { useEffect, useRef, useState } from "react";
import { amount, permille, sum } from "../figures/amounts.ts";
import { useSpeech, useWords } from "../words/language.tsx";
import * as member from "../words/member.ts";
import { Figure } from "./shown.tsx";

export interface Numbers {
  final: string;
  mintedNotFinal: string;
  earnedNotYetMinted: string;
}

export const partsOf = (of: Numbers) =>
  [
    ["final", amount(of.final)],
    ["way", amount(of.mintedNotFinal)],
    ["earned", amount(of.earnedNotYetMinted)],
  ] as const;

/** Text that lights up when it changes. */
export function Moving({ text, unit }: { text: string; unit?: string }) {
  const before = useRef(text);
  const [moves, setMoves] = useState(0);
  useEffect(() => {
    if (before.current !== text) setMoves((count) => count + 1);
    before.current = text;
  }, [text]);
  return (
    <span key={moves} className={moves ? "moved" : undefined}>
      {unit ? <Figure value={text} unit={unit} /> : text}
    </span>
  );
}

export function PartsBar({ of }: { of: Numbers }) {
  const parts = partsOf(of);
  const total = sum(parts.map(([, units]) => units));
  return (
    <div className="bar" aria-hidden="true">
      {parts.map(([name, units]) => (
        <i key={name} className={name} style={{ flexGrow: permille(units, total) }} />
      ))}
    </div>
  );
}

export function Balance({ of, memberId }: { of: Numbers; memberId: string }) {
  const { tokens } = useSpeech();
  const words = useWords(member);
  const parts = partsOf(of);
  return (
    <div className="balance" data-member={memberId}>
      <p className="total" data-testid="total">
        <Moving text={tokens(sum(parts.map(([, units]) => units)))} unit="kWh" />
        <span className="unseen"> {words.total}</span>
      </p>
      <PartsBar of={of} />
      <dl className="three">
        {parts.map(([name, units]) => (
          <div key={name}>
            <dt>
              <i className={name} aria-hidden="true" />
              {words.parts[name]}
            </dt>
            <dd data-part={name}>
              <Moving text={tokens(units)} unit="kWh" />
            </dd>
            <dd className="told">
              <small>{words.told[name]}</small>
            </dd>
          </div>
        ))}
      </dl>
    </div>
  );
}
