// Notices in words of the page's language, each with its figures.

import { amount } from "../figures/amounts.ts";
import { Figure } from "../pieces/shown.tsx";
import { useSpeech, useWords } from "../words/language.tsx";
import * as member from "../words/member.ts";
import type { Notice } from "./news.ts";

export function Notices({ of }: { of: readonly Notice[] }) {
  const { clock, kwh, tokens, whole, language } = useSpeech();
  const { news } = useWords(member);
  const told = (each: Notice): string => {
    const energy = kwh(each.energyWh ?? 0);
    switch (each.kind) {
      case "CORRECTION_RECORDED":
        return each.isLess ? news.less(energy) : news.more(energy);
      case "SUPPLEMENT_MINTED":
        return news.supplement(energy);
      case "SHARES_CHANGED":
        return news.shares(whole(each.shareCountBefore ?? 0), whole(each.shareCountAfter ?? 0));
      case "KEY_REVOKED":
        return news.key;
    }
  };
  return (
    <ul className="queue" data-testid="notices">
      {of.map((each) => (
        <li key={each.id} data-kind={each.kind} data-unread={each.readAt ? undefined : true}>
          <div>
            <b>{told(each)}</b>{" "}
            <span className="note">
              {each.source ? `${each.source.name} · ` : ""}
              {clock.moment(each.at)}
              {each.effectiveAt ? ` · ${news.from(clock.moment(each.effectiveAt))}` : ""}
            </span>
            {language === "en" && <p className="note">{each.sentence}</p>}
          </div>
          {each.amount && <Figure value={(each.isLess ? "\u2212" : "+") + tokens(amount(each.amount))} unit="kWh" />}
        </li>
      ))}
    </ul>
  );
}
