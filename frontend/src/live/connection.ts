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
const ENDED = "UNAUTHENTICATED";

/** The API closes so a socket whose sign-in is wrong or over; a token's end is one, too. */
const isRefusal = (cause: unknown): boolean => cause instanceof CloseEvent && cause.code === REFUSED;

interface Change {
  cursor: string;
}

export class Connection {
  #client: Client;
  #credential: Credential;
  /** What the open socket was signed in with. */
  #given: string | null = null;
  #state: State = "connecting";
  #listeners = new Set<() => void>();
  #socket: WebSocket | null = null;
  #pulse: ReturnType<typeof setTimeout> | undefined;
  #watches = 0;

  /** `onBack()` is called when a lost connection is back. */
  constructor(credential: Credential, onBack: () => void) {
    this.#credential = credential;
    this.#client = createClient({
      url: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/graphql`,
      connectionParams: async () => {
        this.#given = await credential();
        return { authorization: `Bearer ${this.#given ?? ""}` };
      },
      keepAlive: SILENCE_MS,
      retryAttempts: Number.POSITIVE_INFINITY,
      shouldRetry: (cause) => !isRefusal(cause),
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
          const wasLost = this.#state === "waiting";
          this.#is("live");
          if (wasLost) onBack();
        },
        ping: (received) => {
          // A connection that died without a word is found out by asking into the silence.
          if (!received) this.#pulse = setTimeout(() => this.#socket?.close(4499, "silence"), ANSWER_MS);
        },
        pong: (received) => {
          if (received) clearTimeout(this.#pulse);
        },
        closed: () => {
          clearTimeout(this.#pulse);
          // Without a stream there is no socket, and nothing is lost by that.
          if (this.#watches > 0) this.#is("waiting");
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
    let stop: () => void = () => undefined;
    let wanted = true;
    const anew = async () => {
      if (wanted && (await this.#signInAnew()) && wanted) begin();
    };
    const begin = () => {
      let ended = false;
      stop = this.#client.subscribe<Result>(
        { query: document.toString(), variables: sent },
        {
          next: ({ data, errors }) => {
            ended ||= errors?.some((each) => each.extensions?.code === ENDED) ?? false;
            if (ended || !data) return;
            sent.after = (data[field] as Change).cursor;
            onChange(data);
          },
          error: (cause) => isRefusal(cause) && anew(),
          complete: () => ended && anew(),
        },
      );
    };
    this.#watches += 1;
    begin();
    return () => {
      wanted = false;
      this.#watches -= 1;
      stop();
    };
  }

  /** The sign-in of the socket is over. Where it was renewed meanwhile the socket is opened anew; else this is the end. */
  async #signInAnew(): Promise<boolean> {
    const before = this.#given;
    const now = await this.#credential(before ?? undefined);
    if (now === null || now === before) {
      this.#is("refused");
      return false;
    }
    // Another stream may have opened it anew already.
    if (this.#given === before) this.#client.terminate();
    return true;
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
