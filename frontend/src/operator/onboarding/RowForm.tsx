// One step's row: typed into fields, entered by an import of that row alone, and every problem told beside its field.

import { Button, NativeSelect, PasswordInput, TextInput } from "@mantine/core";
import { type FormEvent, useContext, useRef, useState } from "react";
import { ConfigContext } from "../../app/context.ts";
import { instantOf } from "../../figures/times.ts";
import type { ImportKind } from "../../graphql/graphql.ts";
import { useAskAgain, useAskNow } from "../../live/hooks.tsx";
import { newIntention } from "../../live/intention.ts";
import { useSpeech, useWords } from "../../words/language.tsx";
import * as onboarding from "../../words/onboarding.ts";
import { IMPORT } from "../ImportDesk.tsx";
import { communityOr, keepCommunity } from "./draft.ts";
import { type Field, fileOf, startOf, type Values } from "./rows.ts";

interface Props {
  kind: ImportKind;
  fields: readonly Field[];
  /** Columns that other steps have decided. */
  fixed?: Values;
  typed: Values | undefined;
  reason: string;
  onTyped(typed: Values): void;
  onEntered(reason: string, values: Values): void;
}

function FieldOf(props: { field: Field; value: string; problem: string | undefined; change(value: string): void }) {
  const { field, value, problem } = props;
  const words = useWords(onboarding);
  const same = {
    name: field.column,
    label: words.fields[field.column] ?? field.column,
    description: words.notes[field.column],
    value,
    error: problem,
    required: !field.optional,
    withAsterisk: false,
    onChange: (event: { currentTarget: { value: string } }) => props.change(event.currentTarget.value),
  };
  if (field.choices)
    return (
      <NativeSelect
        {...same}
        data={field.choices.map((choice) => ({ value: choice, label: words.choices[choice] ?? choice }))}
      />
    );
  if (field.secret) return <PasswordInput {...same} autoComplete="off" spellCheck={false} />;
  return <TextInput {...same} {...(field.instant ? { type: "datetime-local" } : {})} spellCheck={false} />;
}

/** What is sent: times of the community's clocks as instants. */
function sentOf(fields: readonly Field[], values: Values, zone: string): Values {
  const sent = { ...values };
  for (const { column, instant } of fields) {
    if (instant)
      sent[column] =
        instantOf(values[column] ?? "", zone)
          ?.toISOString()
          .replace(".000", "") ?? "";
  }
  return sent;
}

export function RowForm({ kind, fields, fixed = {}, typed, ...props }: Props) {
  const { zone, words: frame } = useSpeech();
  const words = useWords(onboarding);
  const config = useContext(ConfigContext);
  const ask = useAskNow();
  const askAgain = useAskAgain();
  const [values, setValues] = useState<Values>(() => ({ ...startOf(fields), ...typed }));
  const [community, setCommunity] = useState(() => communityOr(config.community));
  const [reason, setReason] = useState(props.reason);
  const [problems, setProblems] = useState<Record<string, string>>({});
  const [busy, setBusy] = useState(false);
  const intention = useRef(newIntention());
  const shown = fields.filter(({ column }) => fixed[column] === undefined);

  const change = (column: string, value: string) => {
    const next = { ...values, [column]: value };
    setValues(next);
    setProblems({});
    intention.current = newIntention();
    props.onTyped(
      Object.fromEntries(shown.filter(({ secret }) => !secret).map((each) => [each.column, next[each.column] ?? ""])),
    );
  };
  const enter = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setProblems({});
    try {
      const row = { ...sentOf(shown, values, zone), ...fixed };
      const command = { idempotencyKey: intention.current, reason };
      const files = [fileOf(kind, community.trim(), row)];
      const outcome = (await ask(IMPORT, { community: community.trim(), files, command, dryRun: false })).importFiles;
      if (outcome.__typename === "Problem") setProblems({ "": outcome.sentence });
      else if (outcome.problems.length > 0) {
        const told: Record<string, string> = {};
        for (const { column, what, remedy } of outcome.problems) {
          const at = shown.some((field) => field.column === column) ? column : "";
          told[at] = `${told[at] ? `${told[at]} ` : ""}${what}: ${remedy}.`;
        }
        setProblems(told);
        intention.current = newIntention();
      } else {
        keepCommunity(community.trim());
        props.onEntered(reason, { ...values, ...fixed });
        await askAgain();
      }
    } catch (error) {
      setProblems({ "": frame.failed((error as Error).message) });
    }
    setBusy(false);
  };

  return (
    <form onSubmit={enter} className="row-form">
      <div className="row-fields">
        {shown.map((field) => (
          <FieldOf
            key={field.column}
            field={field}
            value={values[field.column] ?? ""}
            problem={problems[field.column]}
            change={(value) => change(field.column, value)}
          />
        ))}
        <TextInput
          label={words.community}
          description={words.communityNote}
          value={community}
          onChange={(event) => setCommunity(event.currentTarget.value)}
          required
          withAsterisk={false}
        />
        <TextInput
          name="reason"
          label={words.reason}
          description={words.reasonNote}
          value={reason}
          onChange={(event) => setReason(event.currentTarget.value)}
          required
          withAsterisk={false}
        />
      </div>
      <p className="problem" role="alert">
        {problems[""]}
      </p>
      <Button type="submit" loading={busy}>
        {words.enter}
      </Button>
    </form>
  );
}
