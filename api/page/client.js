// Queries by fetch, subscriptions by WebSocket (graphql-transport-ws). After a lost connection every subscription is taken
// up again from its last cursor, so that the page catches up and loses nothing.

const PROTOCOL = "graphql-transport-ws";
const LONGEST_WAIT_MS = 10_000;
const SILENCE_MS = 20_000;

export class Refused extends Error {}

export class Client {
  #key;
  #socket = null;
  #streams = new Map();
  #number = 0;
  #tries = 0;
  #timer = null;
  #pulse = null;
  #closed = false;

  /** `onState(state)` hears "live", "waiting" or "refused"; `onBack()` is called when a lost connection is back. */
  constructor(key, onState, onBack) {
    this.#key = key;
    this.onState = onState;
    this.onBack = onBack;
  }

  async ask(query, variables = {}) {
    const response = await fetch("/graphql", {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        Accept: "application/graphql-response+json",
        Authorization: `Bearer ${this.#key}`,
      },
      body: JSON.stringify({ query, variables }),
      credentials: "omit",
    });
    if (response.status === 401) throw new Refused("This key is not valid here. Was it copied whole, or revoked?");
    const answer = await response.json();
    if (answer.errors) throw new Error(answer.errors[0].message);
    return answer.data;
  }

  /** Hear `onData(data)` now and after every change. `variables` may be changed by `update`. Returns the stream's name. */
  watch(query, field, onData, variables = {}) {
    const id = String(++this.#number);
    this.#streams.set(id, { query, field, onData, variables, after: null });
    if (this.#socket?.ready) this.#subscribe(id);
    else this.#connect();
    return id;
  }

  unwatch(id) {
    if (this.#streams.delete(id) && this.#socket?.ready) this.#send({ id, type: "complete" });
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#pulse);
    this.#socket?.close(1000);
  }

  #send(message) {
    this.#socket.send(JSON.stringify(message));
  }

  #subscribe(id) {
    const { query, variables, after } = this.#streams.get(id);
    this.#send({ id, type: "subscribe", payload: { query, variables: { ...variables, after } } });
  }

  #connect() {
    if (this.#socket || this.#closed) return;
    clearTimeout(this.#timer);
    const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/graphql`, PROTOCOL);
    this.#socket = socket;
    socket.ready = false;
    socket.onopen = () => this.#send({ type: "connection_init", payload: { authorization: `Bearer ${this.#key}` } });
    socket.onmessage = (event) => this.#heard(socket, JSON.parse(event.data));
    socket.onclose = (event) => this.#lost(event);
  }

  #heard(socket, message) {
    this.#listen();
    if (message.type === "connection_ack") {
      socket.ready = true;
      const again = this.#tries > 0;
      this.#tries = 0;
      this.onState("live");
      for (const id of this.#streams.keys()) this.#subscribe(id);
      if (again) this.onBack();
    } else if (message.type === "ping") {
      this.#send({ type: "pong" });
    } else if (message.type === "next") {
      const stream = this.#streams.get(message.id);
      const data = message.payload.data?.[stream?.field];
      if (data) {
        stream.after = data.cursor;
        stream.onData(data);
      }
    }
  }

  /** A connection that died without a word is found out by asking into the silence. */
  #listen() {
    clearTimeout(this.#pulse);
    const socket = this.#socket;
    this.#pulse = setTimeout(() => {
      if (socket.readyState !== WebSocket.OPEN) return;
      this.#send({ type: "ping" });
      this.#pulse = setTimeout(() => this.#lost({ code: 1006 }, socket), SILENCE_MS / 4);
    }, SILENCE_MS);
  }

  #lost(event, dead = null) {
    clearTimeout(this.#pulse);
    if (dead) dead.onclose = dead.onmessage = null;
    dead?.close();
    this.#socket = null;
    if (this.#closed) return;
    if (event.code === 4403) {
      this.onState("refused");
      return;
    }
    this.onState("waiting");
    const wait = Math.min(LONGEST_WAIT_MS, 300 * 2 ** this.#tries) * (0.75 + Math.random() / 2);
    this.#tries += 1;
    this.#timer = setTimeout(() => this.#connect(), wait);
  }
}
