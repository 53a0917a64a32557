// The operator's commands about devices and quarantine.

import { Textarea, TextInput } from "@mantine/core";
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

const CONFIRM = graphql(`
  mutation ConfirmSerial($deviceId: ID!, $serial: String!, $command: CommandInput!) {
    confirmSerial(deviceId: $deviceId, serial: $serial, command: $command) { __typename ... on Problem { sentence } }
  }
`);
const BIND = graphql(`
  mutation BindDeviceKey($deviceId: ID!, $publicKey: Hex!, $command: CommandInput!) {
    bindDeviceKey(deviceId: $deviceId, publicKey: $publicKey, command: $command) { __typename ... on Problem { sentence } }
  }
`);
const ISSUANCE = graphql(`
  mutation ApproveForIssuance($deviceId: ID!, $waiver: String, $command: CommandInput!) {
    approveForIssuance(deviceId: $deviceId, waiver: $waiver, command: $command) { __typename ... on Problem { sentence } }
  }
`);

export function ConfirmSerial({ deviceId, name }: { deviceId: string; name: string }) {
  const words = useWords(operator);
  const ask = useAskNow();
  const [serial, setSerial] = useState("");
  return (
    <Command
      name={words.confirmSerial}
      title={`${words.confirmSerial}: ${name}`}
      fields={
        <TextInput
          label={words.serial}
          description={words.serialNote}
          value={serial}
          onChange={(event) => setSerial(event.currentTarget.value)}
          required
          withAsterisk={false}
        />
      }
      run={async (command) => (await ask(CONFIRM, { deviceId, serial, command })).confirmSerial}
    />
  );
}

export function BindKey({ deviceId, name }: { deviceId: string; name: string }) {
  const words = useWords(operator);
  const ask = useAskNow();
  const [key, setKey] = useState("");
  return (
    <Command
      name={words.bindKey}
      title={`${words.bindKey}: ${name}`}
      fields={
        <TextInput
          label={words.publicKey}
          description={words.publicKeyNote}
          value={key}
          onChange={(event) => setKey(event.currentTarget.value.trim().toLowerCase())}
          required
          withAsterisk={false}
        />
      }
      run={async (command) => (await ask(BIND, { deviceId, publicKey: key, command })).bindDeviceKey}
    />
  );
}

export function ApproveIssuance({ deviceId, name }: { deviceId: string; name: string }) {
  const words = useWords(operator);
  const ask = useAskNow();
  const [waiver, setWaiver] = useState("");
  return (
    <Command
      name={words.approveIssuance}
      title={`${words.approveIssuance}: ${name}`}
      primary
      fields={
        <Textarea
          label={words.waiver}
          description={words.waiverNote}
          value={waiver}
          onChange={(event) => setWaiver(event.currentTarget.value)}
          autosize
        />
      }
      run={async (command) => (await ask(ISSUANCE, { deviceId, waiver: waiver || null, command })).approveForIssuance}
    />
  );
}
