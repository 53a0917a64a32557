// The page: signs in, asks once, then watches. All figures come from the API; nothing is computed that it does not say.

import { chart } from "./chart.js";
import { Client, Refused } from "./client.js";
import { element, midnight, moment } from "./format.js";
import { balanceCards, breakList, gapList, quarantineList, reconciliationColumns, settlementTable } from "./sections.js";

const KEY = "community-api-key";
const $ = (id) => document.getElementById(id);
const said = (sentence) => { $("said").textContent = sentence; };

const BALANCE = "member { id name } final mintedNotFinal earnedNotYetMinted verifiedUntil";
const SETTLEMENT = "txHash readAt mintedWh isFinal blockNumber source { name }";
const RUN = "verifiedWh issuedWh settledWh pendingWh agrees matchCount breakCount startedAt finalisedBlock";
const BREAK = "id kind detail openedAt owner disposition";
const QUARANTINE = "id reason detail recordedAt deviceEui device { name }";
const START = "{ viewer { role label identity { id name } } meteringPoints(first: 50) { nodes { id name direction } } }";
const SERIES = "query ($point: ID!, $since: DateTime!, $until: DateTime!) { series(meteringPointId: $point, since: $since, until: $until) { start stepS energyWh quality } }";
const GAPS = "{ gaps(open: true, first: 20) { nodes { id startsAt endsAt meteringPoint { name } } } }";
const STORY = `query ($tx: Hash!) { transfers(txHash: $tx, first: 1) { nodes { settlement { issuance {
  energyWh fromWh toWh periodStart periodEnd shareTotal source { name } parts { shareCount amount holder { name } }
  measurement { statement { counter kid isDevelopmentKey } } } } } } }`;

let client = null;
const view = { role: "", points: [], point: null, day: 0, pointStream: null, settlements: [], opened: new Map(), asked: 0, series: null };

function state(now) {
  const words = { live: "live", waiting: "reconnecting…", refused: "key refused", off: "not connected" };
  $("connection").dataset.state = now;
  $("connection").lastElementChild.textContent = words[now];
  if (now === "refused") leave("The key was refused. Was it revoked?");
}

function showSettlements() {
  $("settlements").replaceChildren(settlementTable(view.settlements, view.opened, tell, said));
}

async function tell(node) {
  if (view.opened.delete(node.txHash)) return showSettlements();
  const data = await client.ask(STORY, { tx: node.txHash });
  view.opened.set(node.txHash, { issuance: data.transfers.nodes[0]?.settlement?.issuance ?? null });
  showSettlements();
}

function draw() {
  if (!view.series) return;
  const { picture, sentence } = chart(view.series, view.point.direction, Date.now(), Math.max(280, $("chart").clientWidth));
  $("chart").replaceChildren(picture);
  $("chart-note").textContent = `${view.point.name}: ${sentence}.`;
}

async function showSeries() {
  if (!view.point) return;
  const asked = ++view.asked;
  const since = midnight(view.day), until = midnight(view.day + 1);
  const data = await client.ask(SERIES, { point: view.point.id, since: since.toISOString(), until: until.toISOString() });
  if (asked !== view.asked) return; // somebody chose another point meanwhile
  view.series = data.series;
  draw();
}

async function showGaps() {
  const data = await client.ask(GAPS);
  $("gaps").replaceChildren(gapList(data.gaps.nodes));
}

function watchPoint() {
  if (view.pointStream) client.unwatch(view.pointStream);
  const query = "subscription ($point: ID!, $after: Cursor) { measurements(meteringPointId: $point, first: 1, after: $after) { cursor nodes { at } } }";
  view.pointStream = client.watch(query, "measurements", () => {
    showSeries().catch(report);
    if (view.role === "OPERATOR") showGaps().catch(report);
  }, { point: view.point.id });
}

function choosePoint(point) {
  view.point = point;
  view.series = null;
  for (const button of $("points").children) button.setAttribute("aria-pressed", String(button.dataset.point === point.id));
  showSeries().catch(report);
  watchPoint();
}

function report(error) {
  if (error instanceof Refused) leave(error.message);
  else $("footer").textContent = `The last question failed: ${error.message}`;
}

function watchAll() {
  client.watch(`subscription ($after: Cursor) { balances(after: $after) { cursor nodes { ${BALANCE} } } }`, "balances", (data) => {
    $("balances").replaceChildren(...balanceCards(data.nodes));
    const until = data.nodes[0]?.verifiedUntil;
    $("balances-note").textContent = until ? `Verified readings up to ${moment(until)}.` : "No verified reading yet.";
  });
  client.watch(`subscription ($after: Cursor) { settlements(first: 12, after: $after) { cursor nodes { ${SETTLEMENT} } } }`, "settlements", (data) => {
    view.settlements = data.nodes;
    showSettlements();
  });
  client.watch(`subscription ($after: Cursor) { breaks(first: 20, after: $after) { cursor nodes { ${BREAK} } reconciliation { ${RUN} } } }`, "breaks", (data) => {
    const run = data.reconciliation;
    $("reconciliation").replaceChildren(...reconciliationColumns(run));
    const list = breakList(data.nodes);
    $("breaks").replaceChildren(...(list ? [list] : []));
    const good = run ? run.agrees && !data.nodes.length : null;
    $("verdict").textContent = good === null ? "" : good ? (run.pendingWh ? "✓ agree" : "✓ all three agree") : `${data.nodes.length || "?"} open break${data.nodes.length === 1 ? "" : "s"}`;
    $("verdict").dataset.good = good === null ? "" : good ? "yes" : "no";
  });
  client.watch("subscription ($after: Cursor) { chainHead(after: $after) { cursor chainHead { head finalised lag } } }", "chainHead", (data) => {
    const head = data.chainHead;
    $("chain-head").textContent = head ? `block ${head.head}, final up to ${head.finalised}${head.lag > 0 ? `, ${head.lag} behind the node` : ""}` : "";
  });
  if (view.role === "OPERATOR") {
    client.watch(`subscription ($after: Cursor) { quarantine(first: 20, after: $after) { cursor nodes { ${QUARANTINE} } } }`, "quarantine", (data) => {
      $("quarantine").replaceChildren(quarantineList(data.nodes));
      showGaps().catch(report);
    });
  }
}

async function enter(key) {
  client?.close();
  client = new Client(key, state, () => {
    showSeries().catch(report);
    if (view.role === "OPERATOR") showGaps().catch(report);
  });
  const data = await client.ask(START);
  sessionStorage.setItem(KEY, key);
  view.role = data.viewer.role.toUpperCase();
  view.points = data.meteringPoints.nodes;
  $("viewer").textContent = data.viewer.identity ? `${data.viewer.identity.name} (${data.viewer.role})` : data.viewer.role;
  $("balances-title").textContent = view.role === "MEMBER" ? "Your balance" : "Balances";
  $("sign-in").hidden = true;
  $("board").hidden = $("leave").hidden = false;
  $("operator").hidden = view.role !== "OPERATOR";
  const sorted = [...view.points].sort((a, b) => b.direction.localeCompare(a.direction) || a.name.localeCompare(b.name));
  $("points").replaceChildren(...sorted.map((point) => {
    const button = element("button", { type: "button", "data-point": point.id, "aria-pressed": "false" }, point.name);
    button.addEventListener("click", () => choosePoint(point));
    return button;
  }));
  watchAll();
  if (sorted.length) choosePoint(sorted[0]);
}

function leave(problem = "") {
  client?.close();
  client = null;
  view.pointStream = view.series = null;
  sessionStorage.removeItem(KEY);
  state("off");
  $("viewer").textContent = $("footer").textContent = "";
  $("board").hidden = $("leave").hidden = true;
  $("sign-in").hidden = false;
  $("sign-in-problem").textContent = problem;
  $("key").value = "";
  $("key").focus();
}

/** The key from the address (#key=…), which is cleaned at once so that it is not shared by accident; else from this tab. */
function givenKey() {
  const given = new URLSearchParams(location.hash.slice(1)).get("key");
  if (given) history.replaceState(null, "", location.pathname + location.search);
  return given ?? sessionStorage.getItem(KEY);
}

$("sign-in-form").addEventListener("submit", (event) => {
  event.preventDefault();
  enter($("key").value.trim()).catch((error) => leave(error.message));
});
$("leave").addEventListener("click", () => leave());
for (const button of document.querySelectorAll("[data-day]")) {
  button.addEventListener("click", () => {
    view.day = Number(button.dataset.day);
    for (const each of document.querySelectorAll("[data-day]")) each.setAttribute("aria-pressed", String(each === button));
    showSeries().catch(report);
  });
}
addEventListener("hashchange", () => {
  const key = givenKey();
  if (key) enter(key).catch((error) => leave(error.message));
});
let width = 0;
new ResizeObserver(([entry]) => {
  if (Math.abs(entry.contentRect.width - width) < 4) return;
  width = entry.contentRect.width;
  draw();
}).observe($("chart"));
setInterval(() => { if (client) showSeries().catch(report); }, 60_000);
const key = givenKey();
if (key) enter(key).catch((error) => leave(error.message));
else leave();
