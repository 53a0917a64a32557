// Rows that come in: written or chosen as files, looked at by a dry run, then entered all together or not at all.

import { Button, FileButton, NativeSelect, Textarea, TextInput } from "@mantine/core";
import { useState } from "react";
import { graphql } from "../graphql/gql.ts";
import type { ImportFilesMutation, ImportKind } from "../graphql/graphql.ts";
import { useAskNow } from "../live/hooks.tsx";
import { newIntention } from "../live/intention.ts";
import { Panel, Scroll, Trouble } from "../pieces/shown.tsx";
import { useWords } from "../words/language.tsx";
import * as operator from "../words/operator.ts";
import { Command } from "./Command.tsx";

export const IMPORT = graphql(`
  mutation ImportFiles($community: String!, $files: [ImportFile!]!, $command: CommandInput!, $dryRun: Boolean!) {
    importFiles(community: $community, files: $files, command: $command, dryRun: $dryRun) {
      __typename
      ... on ImportDone {
        committed
        counts { file rows entered unchanged }
        problems { file row column value what remedy }
      }
      ... on Problem { sentence }
    }
  }
`);

/** Kinds in the order in which they are taken in, with the columns that every row needs (docs/bulk-import.md). */
const HEADERS: Record<ImportKind, string> = {
  MEMBERS: "community,member,name",
  METERING_POINTS: "community,metering_point,name,direction,settled_obis,member",
  METERS: "community,meter,maker,model,registers",
  DEVICES: "community,device,name,format,profile,secret,public_key",
  INSTALLATIONS: "community,metering_point,meter,device,valid_from,max_power_w",
  SOURCES:
    "community,source,name,source_ref,technology,nameplate_w,metering_point,share_total,opening_register_wh,opening_at,declared_by,declared_at",
  SHARES: "community,source,valid_from,member,share_count",
};
export const ALL_KINDS = Object.keys(HEADERS) as ImportKind[];

type Done = Extract<ImportFilesMutation["importFiles"], { __typename: "ImportDone" }>;
type Rows = Partial<Record<ImportKind, string>>;

const hasRows = (text: string | undefined): text is string => (text ?? "").trim().split("\n").length > 1;

/** The community named in the rows: it stands in the first column that bears its name. */
function communityOf(rows: Rows): string {
  for (const text of Object.values(rows)) {
    const [header = "", first = ""] = text.trim().split("\n");
    const at = header.split(/[,;]/).findIndex((name) => name.trim() === "community");
    if (at >= 0) return (first.split(/[,;]/)[at] ?? "").trim();
  }
  return "";
}

function Result({ done }: { done: Done }) {
  const words = useWords(operator).onboarding;
  const rows = done.counts.reduce((sum, each) => sum + each.rows, 0);
  const fresh = done.counts.reduce((sum, each) => sum + each.entered, 0);
  const same = done.counts.reduce((sum, each) => sum + each.unchanged, 0);
  return (
    <div role="status">
      <p>
        <b>
          {done.problems.length > 0 ? words.wrong(done.problems.length) : done.committed ? words.entered : words.clean}
        </b>
      </p>
      <p className="note">
        {words.preview(rows, fresh, same)}
        {done.committed ? `. ${words.afterwards}` : ""}
      </p>
      {done.problems.length > 0 && (
        <Scroll>
          <table className="data">
            <thead>
              <tr>
                <th scope="col">{words.file}</th>
                <th scope="col" className="number">
                  {words.row}
                </th>
                <th scope="col">{words.column}</th>
                <th scope="col">{words.value}</th>
                <th scope="col">{words.problem}</th>
                <th scope="col">{words.remedy}</th>
              </tr>
            </thead>
            <tbody>
              {done.problems.map((each, at) => (
                <tr key={at}>
                  <td>{each.file}</td>
                  <td className="number">{each.row}</td>
                  <td>{each.column}</td>
                  <td className="mono">{each.value}</td>
                  <td>{each.what}</td>
                  <td>{each.remedy}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
    </div>
  );
}

export function ImportDesk({ kinds, title, lead }: { kinds: readonly ImportKind[]; title: string; lead?: string }) {
  const words = useWords(operator).onboarding;
  const ask = useAskNow();
  const [rows, setRows] = useState<Rows>({});
  const [kind, setKind] = useState<ImportKind>(kinds[0] ?? "MEMBERS");
  const [named, setNamed] = useState<string | null>(null);
  const [done, setDone] = useState<Done | null>(null);
  const [problem, setProblem] = useState<Error | null>(null);
  const [busy, setBusy] = useState(false);
  const community = named ?? communityOf(rows);
  const files = kinds.flatMap((each) => (hasRows(rows[each]) ? [{ kind: each, content: rows[each] ?? "" }] : []));

  const change = (next: Rows) => {
    setRows({ ...rows, ...next });
    setDone(null);
  };
  const choose = async (chosen: File[]) => {
    const read: Rows = {};
    for (const file of chosen) {
      const name = file.name.replace(/\.csv$/i, "").toUpperCase() as ImportKind;
      read[kinds.includes(name) ? name : kind] = await file.text();
    }
    change(read);
  };
  const look = async () => {
    setBusy(true);
    setProblem(null);
    try {
      const command = { idempotencyKey: newIntention(), reason: words.look };
      const outcome = (await ask(IMPORT, { community, files, command, dryRun: true })).importFiles;
      if (outcome.__typename === "ImportDone") setDone(outcome);
      else setProblem(new Error(outcome.sentence));
    } catch (error) {
      setProblem(error as Error);
    }
    setBusy(false);
  };

  return (
    <Panel title={title} {...(lead ? { lead } : {})}>
      <div className="stack">
        <div className="form">
          <TextInput
            label={words.community}
            description={words.communityNote}
            value={community}
            onChange={(event) => setNamed(event.currentTarget.value)}
          />
          {kinds.length > 1 && (
            <NativeSelect
              label={words.what}
              value={kind}
              onChange={(event) => setKind(event.currentTarget.value as ImportKind)}
              data={kinds.map((each) => ({
                value: each,
                label: `${words.kinds[each]}${hasRows(rows[each]) ? " ✓" : ""}`,
              }))}
            />
          )}
          <FileButton onChange={(chosen) => void choose(chosen)} accept=".csv,text/csv" multiple>
            {(props) => (
              <Button {...props} variant="default">
                {words.pick}
              </Button>
            )}
          </FileButton>
        </div>
        <Textarea
          label={`${words.rows}: ${words.kinds[kind]}`}
          value={rows[kind] ?? `${HEADERS[kind]}\n`}
          onChange={(event) => change({ [kind]: event.currentTarget.value })}
          autosize
          minRows={5}
          maxRows={16}
          spellCheck={false}
          classNames={{ input: "mono" }}
        />
        <div className="actions left">
          <Button
            variant="default"
            onClick={() => void look()}
            disabled={files.length === 0 || community === ""}
            loading={busy}
          >
            {words.look}
          </Button>
          {done && done.problems.length === 0 && !done.committed && (
            <Command
              name={words.enter}
              title={`${words.enter}: ${title}`}
              primary
              run={async (command) => {
                const outcome = (await ask(IMPORT, { community, files, command, dryRun: false })).importFiles;
                if (outcome.__typename === "ImportDone") setDone(outcome);
                return outcome;
              }}
            />
          )}
        </div>
        {problem && <Trouble error={problem} retry={() => void look()} />}
        {done && <Result done={done} />}
      </div>
    </Panel>
  );
}
