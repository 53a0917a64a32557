// Devices that are not in service yet, and the way to a new one.

import { Button, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { Link, useLocation } from "wouter";
import { useAsk } from "../../live/hooks.tsx";
import { Answer, Empty, Panel } from "../../pieces/shown.tsx";
import { kindName } from "../../words/kinds.ts";
import { useSpeech, useWords } from "../../words/language.tsx";
import * as onboarding from "../../words/onboarding.ts";
import { DEVICES_ON_WAY } from "./onWay.ts";

export function UnderWay() {
  const { language } = useSpeech();
  const words = useWords(onboarding);
  const answer = useAsk(DEVICES_ON_WAY, { after: null }, { refreshMs: 20_000 });
  const [eui, setEui] = useState("");
  const [, go] = useLocation();
  const begin = (event: FormEvent) => {
    event.preventDefault();
    go(`/onboarding/${eui.trim().toLowerCase()}`);
  };
  return (
    <Panel title={words.title} lead={words.lead}>
      <form className="form" onSubmit={begin}>
        <TextInput
          label={words.fields.device}
          description={words.notes.device}
          value={eui}
          onChange={(event) => setEui(event.currentTarget.value)}
          pattern="\s*[0-9A-Fa-f]{16}\s*"
          required
          withAsterisk={false}
          classNames={{ input: "mono" }}
        />
        <Button type="submit">{words.start}</Button>
      </form>
      <h3>{words.underWay}</h3>
      <p className="note above-list">{words.underWayLead}</p>
      <Answer of={answer} rows={3}>
        {({ devices, energySources }) => {
          const issuing = new Set(
            energySources.nodes.filter(({ approvedAt }) => approvedAt).map(({ meteringPoint }) => meteringPoint?.id),
          );
          const open = devices.nodes.filter(({ state, installations }) => {
            if (state !== "active") return state === "pending";
            const now = installations.filter(({ validTo }) => !validTo).map(({ meteringPoint }) => meteringPoint);
            return now.some((point) => point?.direction === "production" && !issuing.has(point.id));
          });
          if (open.length === 0) return <Empty>{words.noneUnderWay}</Empty>;
          return (
            <ul className="queue" data-testid="under-way">
              {open.map((each) => (
                <li key={each.id}>
                  <div>
                    <b>{each.name}</b> <span className="note mono">{each.eui}</span>
                    <p className="note">{kindName(each.onboarding, language)}</p>
                  </div>
                  <Link href={`/onboarding/${each.eui}`} className="next">
                    {words.goOn}
                  </Link>
                </li>
              ))}
            </ul>
          );
        }}
      </Answer>
    </Panel>
  );
}
