// What an operator may do about a break.

import { Textarea, TextInput } from "@mantine/core";
import { useState } from "react";
import { graphql } from "../graphql/gql.ts";
import { useAskNow } from "../live/hooks.tsx";
import { useWords } from "../words/language.tsx";
import * as operator from "../words/operator.ts";
import { Command } from "./Command.tsx";

const DISPOSE = graphql(`
  mutation DisposeBreak($breakId: ID!, $owner: String!, $disposition: String!, $command: CommandInput!) {
    disposeBreak(breakId: $breakId, owner: $owner, disposition: $disposition, command: $command) { __typename ... on Problem { sentence } }
  }
`);
const NOTE = graphql(`
  mutation NoteBreak($breakId: ID!, $text: String!, $command: CommandInput!) {
    noteBreak(breakId: $breakId, text: $text, command: $command) { __typename ... on Problem { sentence } }
  }
`);
const CLOSE = graphql(`
  mutation CloseBreak($breakId: ID!, $command: CommandInput!) {
    closeBreak(breakId: $breakId, command: $command) { __typename ... on Problem { sentence } }
  }
`);

export function BreakActions({ breakId, ...before }: { breakId: string; owner: string; disposition: string }) {
  const words = useWords(operator);
  const ask = useAskNow();
  const [owner, setOwner] = useState(before.owner);
  const [disposition, setDisposition] = useState(before.disposition);
  const [text, setText] = useState("");
  return (
    <div className="actions left">
      <Command
        name={words.takeOver}
        title={words.takeOver}
        primary
        fields={
          <>
            <TextInput
              label={words.owner}
              value={owner}
              onChange={(event) => setOwner(event.currentTarget.value)}
              required
              withAsterisk={false}
            />
            <Textarea
              label={words.disposition}
              value={disposition}
              onChange={(event) => setDisposition(event.currentTarget.value)}
              required
              withAsterisk={false}
              autosize
            />
          </>
        }
        run={async (command) => (await ask(DISPOSE, { breakId, owner, disposition, command })).disposeBreak}
      />
      <Command
        name={words.note}
        title={words.note}
        fields={
          <Textarea
            label={words.text}
            value={text}
            onChange={(event) => setText(event.currentTarget.value)}
            required
            withAsterisk={false}
            autosize
          />
        }
        run={async (command) => (await ask(NOTE, { breakId, text, command })).noteBreak}
      />
      <Command
        name={words.close}
        title={words.close}
        run={async (command) => (await ask(CLOSE, { breakId, command })).closeBreak}
      />
    </div>
  );
}
