import "graphiql/style.css";
import "./page.css";
import { createGraphiQLFetcher, type Fetcher } from "@graphiql/toolkit";
import { GraphiQL } from "graphiql";
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
  const headers = (options?.headers ?? {}) as Record<string, string>;
  const given = headers.Authorization ?? headers.authorization;
  if (given !== authorization) {
    authorization = given;
    sockets.terminate();
  }
  return fetcher(asked, options);
};

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
