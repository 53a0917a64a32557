import "graphiql/style.css";
import "./page.css";
import { createGraphiQLFetcher, type Fetcher } from "@graphiql/toolkit";
import { GraphiQL } from "graphiql";
import { type DocumentNode, parse } from "graphql";
import { createClient } from "graphql-ws";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import queries from "../../docs/queries.md?raw";
import { examplesIn } from "./examples.ts";

const HEADERS = '{\n  "Authorization": "Bearer "\n}';

// What the headers of the tab say is what a subscription signs in with, too.
let authorization: string | undefined;
const url = new URL("/graphql", window.location.href);
const sockets = createClient({
  url: url.href.replace(/^http/, "ws"),
  connectionParams: () => (authorization ? { authorization } : {}),
});
const fetcher = createGraphiQLFetcher({ url: url.href, wsClient: sockets });

const fetched: Fetcher = (asked, options) => {
  const { Authorization: given, ...others } = (options?.headers ?? {}) as Record<string, string>;
  // The word alone, as a tab begins with it, is no credential: what everybody may ask is answered without one.
  const headers = given && given.trim() !== "Bearer" ? { ...others, Authorization: given } : others;
  if (headers.Authorization !== authorization) {
    authorization = headers.Authorization;
    sockets.terminate();
  }
  return fetcher(asked, { ...options, headers, ...documentOf(asked.query) });
};

/** The operation as it is sent: the editor's own reading of it comes a moment after the last key. */
function documentOf(query: string): { documentAST?: DocumentNode } {
  try {
    return { documentAST: parse(query) };
  } catch {
    return {};
  }
}

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <GraphiQL
        fetcher={fetched}
        defaultHeaders={HEADERS}
        defaultTabs={examplesIn(queries).map((query) => ({ query, headers: HEADERS }))}
        shouldPersistHeaders
      />
    </StrictMode>,
  );
}
