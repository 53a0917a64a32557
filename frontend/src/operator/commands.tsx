// The operator's commands about devices and quarantine.

import { Textarea } from "@mantine/core";
import { useState } from "react";
import { graphql } from "../graphql/gql.ts";
import { useAskNow } from "../live/hooks.tsx";
import { useWords } from "../words/language.tsx";
import * as operator from "../words/operator.ts";
import { Command } from "./Command.tsx";

const APPROVE = graphql(`
  mutation ApproveDevice($deviceId: ID!, $command: CommandInput!) {
    approveDevice(deviceId: $deviceId, command: $command) { __typename ... on Problem { sentence } }
  }
`);
const REVOKE = graphql(`
  mutation RevokeDevice($deviceId: ID!, $command: CommandInput!) {
    revokeDevice(deviceId: $deviceId, command: $command) { __typename ... on Problem { sentence } }
  }
`);
const RESOLVE = graphql(`
  mutation ResolveQuarantine($entryId: ID!, $resolution: String!, $command: CommandInput!) {
    resolveQuarantine(entryId: $entryId, resolution: $resolution, command: $command) { __typename ... on Problem { sentence } }
  }
`);

export function Approve({ deviceId, name }: { deviceId: string; name: string }) {
  const words = useWords(operator);
  const ask = useAskNow();
  return (
    <Command
      name={words.approve}
      title={`${words.approve}: ${name}`}
      primary
      run={async (command) => (await ask(APPROVE, { deviceId, command })).approveDevice}
    />
  );
}

export function Revoke({ deviceId, name }: { deviceId: string; name: string }) {
  const words = useWords(operator);
  const ask = useAskNow();
  return (
    <Command
      name={words.revoke}
      title={`${words.revoke}: ${name}`}
      danger
      run={async (command) => (await ask(REVOKE, { deviceId, command })).revokeDevice}
    />
  );
}

export function Resolve({ entryId, title }: { entryId: string; title: string }) {
  const words = useWords(operator);
  const ask = useAskNow();
  const [resolution, setResolution] = useState("");
  return (
    <Command
      name={words.resolve}
      title={`${words.resolve}: ${title}`}
      fields={
        <Textarea
          label={words.resolution}
          value={resolution}
          onChange={(event) => setResolution(event.currentTarget.value)}
          required
          withAsterisk={false}
          autosize
        />
      }
      run={async (command) => (await ask(RESOLVE, { entryId, resolution, command })).resolveQuarantine}
    />
  );
}
