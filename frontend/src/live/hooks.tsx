// What the views use: `useAsk` for questions, `useLive` for streams. Old figures stay while new ones are on their way.

import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { createContext, useContext, useEffect, useState, useSyncExternalStore } from "react";
import type { Session } from "../app/session.ts";
import type { TypedDocumentString } from "../graphql/graphql.ts";
import { ask } from "./ask.ts";
import type { Connection, State } from "./connection.ts";
import { fetchFile } from "./file.ts";

interface Line {
  session: Session;
  connection: Connection;
}

export const LineContext = createContext<Line | null>(null);

function useLine(): Line {
  const line = useContext(LineContext);
  if (!line) throw new Error("a view of a signed-in person stands outside of his session");
  return line;
}

type Asked = Record<string, unknown>;

export function useAsk<Result, Variables extends Asked>(
  document: TypedDocumentString<Result, Variables>,
  variables: Variables,
  options: { enabled?: boolean; refreshMs?: number } = {},
) {
  const { session } = useLine();
  return useQuery({
    queryKey: [document.toString(), variables],
    queryFn: ({ signal }) => ask(session.credential, document, variables, signal),
    placeholderData: keepPreviousData,
    enabled: options.enabled ?? true,
    refetchInterval: options.refreshMs ?? false,
  });
}

/** Ask once, outside of a view's drawing: for a button or a download. */
export function useAskNow() {
  const { session } = useLine();
  return <Result, Variables>(document: TypedDocumentString<Result, Variables>, variables: Variables) =>
    ask(session.credential, document, variables);
}

/** Fetch a file that the API makes: for a download. */
export function useFile() {
  const { session } = useLine();
  return (path: string) => fetchFile(session.credential, path);
}

/** After a command: everything that is shown is asked for again. */
export function useAskAgain() {
  const cache = useQueryClient();
  return () => cache.invalidateQueries();
}

/** The newest event of a stream; undefined before the first. The last one is kept for views that are opened again. */
export function useLive<Result, Variables extends Asked>(
  document: TypedDocumentString<Result, Variables>,
  variables: Variables,
  field: keyof Result,
): Result | undefined {
  const { connection } = useLine();
  const cache = useQueryClient();
  const name = JSON.stringify(variables);
  const text = document.toString();
  const [newest, setNewest] = useState<Result | undefined>(() => cache.getQueryData(["live", text, name]));
  // biome-ignore lint/correctness/useExhaustiveDependencies: the text and the name stand for the document and its variables
  useEffect(() => {
    setNewest(cache.getQueryData(["live", text, name]));
    return connection.watch(document, variables, field, (result) => {
      cache.setQueryData(["live", text, name], result);
      setNewest(result);
    });
  }, [connection, cache, text, name, field]);
  return newest;
}

export function useConnectionState(): State {
  const { connection } = useLine();
  return useSyncExternalStore(connection.listen, () => connection.state);
}
