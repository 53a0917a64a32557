// The small things that every view is made of: panels, figures with units, states, hashes.

import { Button, CopyButton, Skeleton } from "@mantine/core";
import { type ReactNode, useContext, useId } from "react";
import { ConfigContext } from "../app/context.ts";
import { short } from "../figures/numbers.ts";
import type { AskError } from "../live/ask.ts";
import { useSpeech } from "../words/language.tsx";

export function Panel(props: {
  title: string;
  aside?: ReactNode;
  lead?: string;
  children: ReactNode;
  className?: string;
}) {
  const id = useId();
  return (
    <section className={`panel ${props.className ?? ""}`} aria-labelledby={id}>
      <div className="panel-head">
        <h2 id={id}>{props.title}</h2>
        {props.aside}
      </div>
      {props.lead && <p className="lead">{props.lead}</p>}
      {props.children}
    </section>
  );
}

/** A figure with its unit, the unit smaller and never broken away. */
export const Figure = ({ value, unit }: { value: string; unit: string }) => (
  <span className="figure">
    {value}
    <span className="unit">
      {"\u202f"}
      {unit}
    </span>
  </span>
);

export const Empty = ({ children }: { children: ReactNode }) => <p className="empty">{children}</p>;

/** Grey lines where figures will stand: as many as there will be, so that nothing jumps. */
export const Waiting = ({ rows = 3 }: { rows?: number }) => (
  <div aria-busy="true" className="waiting">
    {Array.from({ length: rows }, (_, row) => (
      <Skeleton key={row} height={14} width={`${92 - ((row * 17) % 40)}%`} />
    ))}
  </div>
);

export function Trouble({ error, retry }: { error: Error; retry(): void }) {
  const { words } = useSpeech();
  const offline = (error as AskError).code === "OFFLINE";
  return (
    <div className="trouble" role="alert">
      <p>{offline ? words.offline : words.failed(error.message)}</p>
      <Button variant="default" size="xs" onClick={retry}>
        {words.retry}
      </Button>
    </div>
  );
}

interface Asked<Data> {
  data: Data | undefined;
  error: Error | null;
  refetch(): unknown;
}

/** An answer, or what stands in its place: skeletons, or what went wrong. Old figures stay where a new question failed. */
export function Answer<Data>({
  of,
  rows,
  children,
}: {
  of: Asked<Data>;
  rows?: number;
  children(data: Data): ReactNode;
}) {
  if (of.data !== undefined) return children(of.data);
  if (of.error) return <Trouble error={of.error} retry={() => of.refetch()} />;
  return <Waiting rows={rows ?? 3} />;
}

/** A hash to copy, short unless it is wanted `whole`; with its `kind` it leads to the block explorer. */
export function Hash({ value, kind, whole }: { value: string; kind?: "tx" | "address" | "block"; whole?: boolean }) {
  const { words } = useSpeech();
  const config = useContext(ConfigContext);
  const shown = whole ? value : short(value);
  return (
    <span className="hash">
      <CopyButton value={value} timeout={1500}>
        {({ copied, copy }) => (
          <button type="button" onClick={copy} title={value}>
            {copied ? words.copied : shown}
            <span className="unseen"> {words.copy}</span>
          </button>
        )}
      </CopyButton>
      {kind && config.explorer && (
        <a
          href={`${config.explorer}/${kind}/${value}`}
          target="_blank"
          rel="noreferrer"
          aria-label={words.explorer(value)}
        >
          ↗
        </a>
      )}
    </span>
  );
}

/** A state in words with a mark that is not colour alone. */
export const State = ({ tone, children }: { tone: "good" | "way" | "bad" | "calm"; children: ReactNode }) => (
  <span className={`state ${tone}`}>{children}</span>
);

/** What may be wider than the screen scrolls by itself, with the keyboard, too. */
export const Scroll = ({ tall, children }: { tall?: boolean; children: ReactNode }) => (
  // biome-ignore lint/a11y/noNoninteractiveTabindex: whoever has no pointer scrolls it by the arrow keys
  <div className={tall ? "scroll tall" : "scroll"} tabIndex={0}>
    {children}
  </div>
);
