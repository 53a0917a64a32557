// One WebSocket (graphql-transport-ws) for all streams. After a lost connection every stream is taken up again from its last
// cursor, so that the page catches up and loses nothing.

import { type Client, createClient } from "graphql-ws";
import type { TypedDocumentString } from "../graphql/graphql.ts";
import type { Credential } from "./ask.ts";

export type State = "connecting" | "live" | "waiting" | "refused";

const LONGEST_WAIT_MS = 10_000;
const SILENCE_MS = 20_000;
const ANSWER_MS = 5_000;
const REFUSED = 4403;

interface Change {
  cursor: string;
}

export class Connection {
  #client: Client;
  #state: State = "connecting";
  #listeners = new Set<() => void>();
  #socket: WebSocket | null = null;
  #pulse: ReturnType<typeof setTimeout> | undefined;
  #wasLive = false;

  /** `onBack()` is called when a lost connection is back. */
  constructor(credential: Credential, onBack: () => void) {
    this.#client = createClient({
      url: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/graphql`,
      connectionParams: async () => ({ authorization: `Bearer ${(await credential()) ?? ""}` }),
      keepAlive: SILENCE_MS,
      retryAttempts: Number.POSITIVE_INFINITY,
      shouldRetry: (event) => !(event instanceof CloseEvent && event.code === REFUSED),
      retryWait: (tries) =>
        new Promise((done) => {
          const wait = setTimeout(done, Math.min(LONGEST_WAIT_MS, 300 * 2 ** tries) * (0.75 + Math.random() / 2));
          addEventListener("online", () => [clearTimeout(wait), done()], { once: true });
        }),
      on: {
        opened: (socket) => {
          this.#socket = socket as WebSocket;
        },
        connected: () => {
          this.#is("live");
          if (this.#wasLive) onBack();
          this.#wasLive = true;
        },
        ping: (received) => {
          // A connection that died without a word is found out by asking into the silence.
          if (!received) this.#pulse = setTimeout(() => this.#socket?.close(4499, "silence"), ANSWER_MS);
        },
        pong: (received) => {
          if (received) clearTimeout(this.#pulse);
        },
        closed: (event) => {
          clearTimeout(this.#pulse);
          this.#is(event instanceof CloseEvent && event.code === REFUSED ? "refused" : "waiting");
        },
      },
    });
  }

  get state(): State {
    return this.#state;
  }

  /** Hear of every change of `state`; returns how to stop. */
  listen = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Hear `field` of each event now and after every change. Returns how to stop. */
  watch<Result, Variables extends Record<string, unknown>>(
    document: TypedDocumentString<Result, Variables>,
    variables: Variables,
    field: keyof Result,
    onChange: (result: Result) => void,
  ): () => void {
    // Sent anew after each reconnection, with the cursor of the last event that was heard.
    const sent: Record<string, unknown> = { ...variables };
    return this.#client.subscribe<Result>(
      { query: document.toString(), variables: sent },
      {
        next: ({ data }) => {
          if (!data) return;
          sent.after = (data[field] as Change).cursor;
          onChange(data);
        },
        error: () => undefined,
        complete: () => undefined,
      },
    );
  }

  close(): void {
    this.#listeners.clear();
    void this.#client.dispose();
  }

  #is(state: State): void {
    if (state === this.#state) return;
    this.#state = state;
    for (const listener of this.#listeners) listener();
  }
}
