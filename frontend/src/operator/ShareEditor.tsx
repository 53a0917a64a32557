// A new revision of a share register: who will hold how much, what that changes, and the proposal to another operator.

import { Button, NativeSelect, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { dayOf, instantOf, spanOf } from "../figures/times.ts";
import { graphql } from "../graphql/gql.ts";
import type { ShareRegisterQuery } from "../graphql/graphql.ts";
import { useAsk, useAskNow } from "../live/hooks.tsx";
import { Hash, Panel, Trouble } from "../pieces/shown.tsx";
import { useSpeech, useWords } from "../words/language.tsx";
import * as operator from "../words/operator.ts";
import { Command } from "./Command.tsx";
import { ShareChanges } from "./ShareChanges.tsx";
import { added, currentOf, type Held, missing, stated } from "./shareList.ts";

const MEMBERS = graphql(`query MembersToHold { members(first: 500) { nodes { id name } } }`);
const PREVIEW = graphql(`
  query SharePreview($sourceId: ID!, $validFrom: DateTime!, $shares: [ShareInput!]!) {
    sharePreview(sourceId: $sourceId, validFrom: $validFrom, shares: $shares) {
      __typename
      ... on SharePreview { revision configHash validFrom changes { before after holder { id name } } }
      ... on Problem { sentence }
    }
  }
`);
const PROPOSE = graphql(`
  mutation ProposeShareTable($sourceId: ID!, $validFrom: DateTime!, $shares: [ShareInput!]!, $command: CommandInput!) {
    proposeShareTable(sourceId: $sourceId, validFrom: $validFrom, shares: $shares, command: $command) {
      __typename
      ... on Problem { sentence }
    }
  }
`);

type Source = ShareRegisterQuery["energySources"]["nodes"][number];
type Asked = { sourceId: string; validFrom: string; shares: { memberId: string; shareCount: number }[] };
type Seen = {
  asked: Asked;
  revision: number;
  configHash: string;
  validFrom: string;
  changes: Parameters<typeof ShareChanges>[0]["of"];
};

function List({ held, total, change }: { held: Held[]; total: number; change(next: Held[]): void }) {
  const { whole } = useSpeech();
  const words = useWords(operator).shareRegister;
  const members = useAsk(MEMBERS, {}).data?.members.nodes ?? [];
  const others = members.filter(({ id }) => !held.some((each) => each.id === id));
  const left = missing(held, total);
  const state = left === 0 ? words.right : left > 0 ? words.left(whole(left)) : words.over(whole(-left));
  return (
    <>
      <div className="form" data-testid="share-list">
        {held.map((each, at) => (
          <TextInput
            key={each.id}
            label={each.name}
            value={each.count}
            inputMode="numeric"
            onChange={(event) => {
              const count = event.currentTarget.value.replace(/\D/g, "").slice(0, 9);
              change(held.map((other, place) => (place === at ? { ...other, count } : other)));
            }}
          />
        ))}
        {others.length > 0 && (
          <NativeSelect
            label={words.add}
            value=""
            onChange={(event) => {
              const chosen = others.find(({ id }) => id === event.currentTarget.value);
              if (chosen) change(added(held, chosen));
            }}
            data={[{ value: "", label: words.addNone }, ...others.map(({ id, name }) => ({ value: id, label: name }))]}
          />
        )}
      </div>
      <p className="note" role="status">
        {words.sum}: {whole(total - left)} / {whole(total)} – {state}. {words.rounding}
      </p>
    </>
  );
}

export function ShareEditor({ sources }: { sources: Source[] }) {
  const { zone, clock } = useSpeech();
  const words = useWords(operator).shareRegister;
  const ask = useAskNow();
  const [sourceId, setSourceId] = useState(sources[0]?.id ?? "");
  const [lists, setLists] = useState<Record<string, Held[]>>({});
  const [from, setFrom] = useState(`${dayOf(spanOf("day", Date.now(), 1, zone).from, zone)}T00:00`);
  const [seen, setSeen] = useState<Seen | null>(null);
  const [problem, setProblem] = useState<Error | null>(null);
  const [told, setTold] = useState("");
  const source = sources.find(({ id }) => id === sourceId);
  if (!source) return null;
  const held = lists[sourceId] ?? currentOf(source.shareTables);
  const at = instantOf(from, zone);
  const changed = () => {
    setSeen(null);
    setTold("");
    setProblem(null);
  };
  const look = async (event?: FormEvent) => {
    event?.preventDefault();
    if (!at) return;
    changed();
    const asked = { sourceId, validFrom: at.toISOString(), shares: stated(held) };
    try {
      const outcome = (await ask(PREVIEW, asked)).sharePreview;
      if (outcome.__typename === "Problem") setProblem(new Error(outcome.sentence));
      else setSeen({ ...outcome, asked });
    } catch (error) {
      setProblem(error as Error);
    }
  };

  return (
    <Panel title={words.edit} lead={words.editLead}>
      <form onSubmit={look} className="stack">
        <div className="form">
          <NativeSelect
            label={words.plant}
            value={sourceId}
            onChange={(event) => {
              setSourceId(event.currentTarget.value);
              changed();
            }}
            data={sources.map(({ id, name }) => ({ value: id, label: name }))}
          />
          <TextInput
            label={words.from}
            description={words.fromNote}
            type="datetime-local"
            step={900}
            value={from}
            onChange={(event) => {
              setFrom(event.currentTarget.value.slice(0, 16));
              changed();
            }}
          />
        </div>
        <List
          held={held}
          total={source.shareTotal}
          change={(next) => {
            setLists({ ...lists, [sourceId]: next });
            changed();
          }}
        />
        <div className="actions left">
          <Button type="submit" variant="default" disabled={!at || missing(held, source.shareTotal) !== 0}>
            {words.look}
          </Button>
        </div>
      </form>
      {problem && <Trouble error={problem} retry={() => void look()} />}
      {seen && (
        <div className="stack" data-testid="share-preview">
          <p>
            <b>{words.becomes(seen.revision, clock.moment(seen.validFrom))}</b>
          </p>
          <ShareChanges of={seen.changes} />
          <p className="note">
            {words.hash}: <Hash value={seen.configHash} />
          </p>
          <div className="actions left">
            <Command
              name={words.put}
              title={`${words.put}: ${source.name}`}
              primary
              run={async (command) => {
                const outcome = (await ask(PROPOSE, { ...seen.asked, command })).proposeShareTable;
                if (outcome.__typename !== "Problem") {
                  changed();
                  setTold(words.putDone);
                }
                return outcome;
              }}
            />
          </div>
        </div>
      )}
      <p role="status">{told}</p>
    </Panel>
  );
}
