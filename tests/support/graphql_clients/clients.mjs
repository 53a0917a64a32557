// Scenarios with the official clients graphql-ws and graphql-sse: node clients.mjs HTTP_URL KEY.
// Prints a JSON object of scenario and outcome; on the line "ready" the test changes the books.
import { createClient as createSse } from "graphql-sse";
import { createClient as createWs } from "graphql-ws";
import WebSocket from "ws";

const [url, key] = process.argv.slice(2);
const wsUrl = url.replace("http", "ws");
const BALANCES = "subscription ($after: Cursor) { balances(after: $after) { cursor nodes { final mintedNotFinal } } }";
const outcomes = {};
const done = [];

function ws(token, events = {}) {
  return createWs({
    url: wsUrl, webSocketImpl: WebSocket, lazy: true, retryAttempts: 0,
    connectionParams: { authorization: `Bearer ${token}` }, on: events,
  });
}

function one(client, payload) {
  return new Promise((resolve, reject) => {
    let found;
    client.subscribe(payload, { next: (value) => { found = value; }, error: reject, complete: () => resolve(found) });
  });
}

function events(client, payload, count, atFirst = () => {}) {
  return new Promise((resolve, reject) => {
    const found = [];
    const stop = client.subscribe(payload, {
      next: (value) => {
        found.push(value);
        if (found.length === 1) atFirst();
        if (found.length === count) { stop(); resolve(found); }
      },
      error: reject,
      complete: () => {},
    });
  });
}

async function scenario(name, run) {
  try { outcomes[name] = await run(); } catch (error) {
    outcomes[name] = { failed: Array.isArray(error) ? error : { code: error.code, message: error.message } };
  }
}

const client = ws(key);
await scenario("query over ws", () => one(client, { query: "{ viewer { role } }" }));
await scenario("variables over ws", () => one(client, {
  query: "query Q($n: PageSize!) { members(first: $n) { nodes { id } } }", variables: { n: 2 }, operationName: "Q",
}));
await scenario("a wrong field over ws", () => one(client, { query: "{ nothing }" }));
await scenario("a syntax error over ws", () => one(client, { query: "{" }));
await scenario("a wrong key over ws", () => one(ws("ecb_0123456789abcdef_wrong"), { query: "{ viewer { role } }" }));
await scenario("several at once over ws", () => Promise.all(
  [1, 2, 3].map((n) => one(client, { query: `{ members(first: ${n}) { nodes { id } } }` }))));
await scenario("a stream that is stopped over ws", async () => {
  const [first] = await events(client, { query: BALANCES }, 1);
  const again = await one(client, { query: "{ viewer { role } }" });
  return { first: Boolean(first.data.balances.cursor), again };
});
await scenario("ping over ws", () => new Promise((resolve) => {
  const pinging = createWs({
    url: wsUrl, webSocketImpl: WebSocket, lazy: false, keepAlive: 50, retryAttempts: 0,
    connectionParams: { authorization: `Bearer ${key}` },
    on: { pong: (received) => { if (received) { resolve("pong"); pinging.dispose(); } } },
  });
}));

const sse = createSse({ url, headers: { authorization: `Bearer ${key}` }, retryAttempts: 0 });
await scenario("query over sse", () => one(sse, { query: "{ viewer { role } }" }));
await scenario("a wrong field over sse", () => one(sse, { query: "{ nothing }" }));
await scenario("a wrong key over sse", () => one(
  createSse({ url, headers: { authorization: "Bearer ecb_0123456789abcdef_wrong" }, retryAttempts: 0 }),
  { query: "{ viewer { role } }" }));

let ready = 0;
const tell = () => { ready += 1; if (ready === 2) console.log("ready"); };
done.push(scenario("changes over ws", () => events(client, { query: BALANCES }, 2, tell)));
done.push(scenario("changes over sse", () => events(sse, { query: BALANCES }, 2, tell)));
await Promise.all(done);
await client.dispose();
sse.dispose();
console.log(JSON.stringify(outcomes));
process.exit(0);
