// A command that needs a reason: a button, a small form, and the answer in words.

import { Button, Modal, Textarea } from "@mantine/core";
import { type FormEvent, type ReactNode, useState } from "react";
import { useAskAgain } from "../live/hooks.tsx";
import { newIntention } from "../live/intention.ts";
import { useSpeech, useWords } from "../words/language.tsx";
import * as operator from "../words/operator.ts";

export interface CommandInput {
  idempotencyKey: string;
  reason: string;
}

type Outcome = { __typename: string; sentence?: string };

/** `run` sends the command; its union says whether it was done or what is in the way. */
export function Command(props: {
  name: string;
  title: string;
  run(command: CommandInput): Promise<Outcome>;
  fields?: ReactNode;
  danger?: boolean;
  primary?: boolean;
}) {
  const { words: frame } = useSpeech();
  const words = useWords(operator);
  const askAgain = useAskAgain();
  const [key, setKey] = useState<string | null>(null);
  const [reason, setReason] = useState("");
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);

  const send = async (event: FormEvent) => {
    event.preventDefault();
    if (key === null) return;
    setBusy(true);
    setProblem("");
    try {
      const outcome = await props.run({ idempotencyKey: key, reason });
      if (outcome.__typename === "Problem") setProblem(outcome.sentence ?? "");
      else {
        setKey(null);
        setReason("");
        await askAgain();
      }
    } catch (error) {
      setProblem(frame.failed((error as Error).message));
    }
    setBusy(false);
  };

  return (
    <>
      <Button
        size="xs"
        variant={props.primary ? "filled" : "default"}
        {...(props.danger ? { color: "red" } : {})}
        className="no-print"
        // One key for one intention: sent twice, it is done once.
        onClick={() => setKey(newIntention())}
      >
        {props.name}
      </Button>
      <Modal
        opened={key !== null}
        onClose={() => setKey(null)}
        title={props.title}
        closeButtonProps={{ "aria-label": words.cancel }}
      >
        <form onSubmit={send} className="stack">
          {props.fields}
          <Textarea
            label={words.reason}
            description={words.reasonNote}
            value={reason}
            onChange={(event) => setReason(event.currentTarget.value)}
            required
            withAsterisk={false}
            minRows={2}
            autosize
            data-autofocus
          />
          <p className="problem" role="alert">
            {problem}
          </p>
          <div className="actions">
            <Button variant="default" onClick={() => setKey(null)}>
              {words.cancel}
            </Button>
            <Button type="submit" loading={busy} {...(props.danger ? { color: "red" } : {})}>
              {props.name}
            </Button>
          </div>
        </form>
      </Modal>
    </>
  );
}
