// Each section of the board: from an answer's data to elements.

import { element, kwh, kwhOfWh, moment, short, time, words } from "./format.js";

const SPACE = "http://www.w3.org/2000/svg";
const shownBefore = new Map();

/** Say that a figure moved, once for each new value. */
function figure(key, text, made) {
  if (shownBefore.has(key) && shownBefore.get(key) !== text) made.classList.add("moved");
  shownBefore.set(key, text);
  return made;
}

function bar(parts) {
  const made = document.createElementNS(SPACE, "svg");
  made.setAttribute("viewBox", "0 0 1000 8");
  made.setAttribute("preserveAspectRatio", "none");
  made.setAttribute("aria-hidden", "true");
  const total = parts.reduce((sum, [, amount]) => sum + amount, 0n);
  let x = 0;
  for (const [name, amount] of parts) {
    const wide = total ? Number((amount * 1000n) / total) : 0;
    const rect = document.createElementNS(SPACE, "rect");
    for (const [key, value] of Object.entries({ x, width: wide, height: 8, fill: `var(--${name})` })) rect.setAttribute(key, value);
    made.append(rect);
    x += wide;
  }
  return made;
}

export function balanceCards(nodes) {
  return nodes.map((node) => {
    const id = node.member?.id ?? "?";
    const parts = [["final", BigInt(node.final)], ["way", BigInt(node.mintedNotFinal)], ["earned", BigInt(node.earnedNotYetMinted)]];
    const total = kwh(parts.reduce((sum, [, amount]) => sum + amount, 0n));
    const names = { final: "final", way: "on its way", earned: "earned" };
    const rows = parts.flatMap(([name, amount]) => [
      element("dt", {}, element("i", { className: name }), names[name]),
      figure(`${id} ${name}`, kwh(amount), element("dd", { "data-part": name }, kwh(amount), element("span", { className: "wide-only" }, " kWh"))),
    ]);
    return element("article", { className: "card balance", "data-member": id },
      element("h3", {}, node.member?.name ?? "Member"),
      element("p", { className: "total" }, total, element("small", {}, "kWh")),
      bar(parts),
      element("dl", {}, ...rows));
  });
}

export function hashButton(hash, said) {
  const made = element("button", { type: "button", className: "hash", title: `${hash}\nClick to copy`, "aria-label": `Copy transaction hash ${hash}` }, short(hash));
  made.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(hash);
      said(`Copied ${hash}`);
      made.textContent = "copied";
      setTimeout(() => { made.textContent = short(hash); }, 1200);
    } catch {
      made.textContent = hash;
    }
  });
  return made;
}

function story(issuance) {
  if (!issuance) return [element("p", {}, "Nobody here decided this settlement. Reconciliation reports it.")];
  const span = `${time(issuance.periodStart)}–${time(issuance.periodEnd)}`;
  const source = issuance.source?.name ?? "The plant";
  const parts = issuance.parts.map((part) =>
    element("p", {}, `${part.holder?.name ?? "A member"} held ${part.shareCount} of ${issuance.shareTotal} shares: ${kwh(part.amount)} kWh.`));
  const statement = issuance.measurement?.statement;
  return [
    element("p", {}, element("b", {}, `${span} ${source} produced ${kwhOfWh(issuance.energyWh)} kWh: its register rose from ${kwhOfWh(issuance.fromWh)} to ${kwhOfWh(issuance.toWh)} kWh.`)),
    ...parts,
    statement ? element("p", { className: "note" },
      `Signed by the meter's gateway, statement ${statement.counter}, key ${statement.kid}${statement.isDevelopmentKey ? " (a development key, not in a secure element)" : ""}.`) : null,
  ];
}

/** The settlements' table. `opened` keeps which stories are open; `tell(txHash)` asks for one. */
export function settlementTable(nodes, opened, tell, said) {
  if (!nodes.length) return element("p", { className: "empty" }, "No settlement yet. The first follows the first verified production.");
  const rows = nodes.flatMap((node) => {
    const open = opened.get(node.txHash);
    const button = element("button", { type: "button", className: "link", "aria-expanded": String(Boolean(open)) }, open ? "hide" : "why?");
    button.addEventListener("click", () => tell(node));
    const row = element("tr", { "data-tx": node.txHash },
      element("td", {}, moment(node.readAt)),
      element("td", { className: "wide-only" }, node.source?.name ?? "unknown source"),
      element("td", { className: "number" }, `${kwhOfWh(node.mintedWh)} kWh`),
      element("td", {}, hashButton(node.txHash, said)),
      element("td", {}, element("span", { className: "state", title: node.isFinal ? "final" : "minted, not final yet" }, element("i", { className: node.isFinal ? "final" : "way" }), element("span", { className: "wide-only" }, node.isFinal ? "final" : "minted"))),
      element("td", {}, button));
    if (node === nodes[0]) figure("newest settlement", node.txHash, row);
    return open ? [row, element("tr", { className: "story" }, element("td", { colSpan: 6 }, element("div", {}, ...story(open.issuance).filter(Boolean))))] : [row];
  });
  const head = element("tr", {}, ...["Read at", "Source", "Energy", "Transaction", "State", ""].map((name) =>
    element("th", { scope: "col", className: { Energy: "number", Source: "wide-only" }[name] ?? "" },
      name === "State" ? element("span", { className: "wide-only" }, name) : name)));
  return element("div", { className: "scroll" }, element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows)));
}

export function reconciliationColumns(run) {
  if (!run) return [element("p", { className: "empty" }, "No comparison yet. The first follows the first finalised settlement.")];
  const column = (name, wh, of) => element("div", { "data-column": name },
    element("span", {}, `${name}, kWh`), figure(`run ${name}`, String(wh), element("strong", {}, kwhOfWh(wh))), element("small", { className: "unseen" }, of));
  return [
    element("div", { className: "three" },
      column("verified", run.verifiedWh, "energy in verified readings"),
      column("issued", run.issuedWh, "energy in issuances"),
      column("minted", run.settledWh, "energy in settlements on chain")),
    run.pendingWh > 0 ? element("p", { className: "note" }, `${kwhOfWh(run.pendingWh)} kWh of it is verified and still on its way to a final block.`) : "",
    element("p", { className: "note" }, `${run.matchCount} settlements agree to the watt-hour, compared at ${moment(run.startedAt)} up to finalised block ${run.finalisedBlock}.`),
  ];
}

export function breakList(nodes) {
  if (!nodes.length) return null;
  return element("ul", { className: "items" }, ...nodes.map((node) => element("li", {},
    element("b", {}, words(node.kind)), ` since ${moment(node.openedAt)}`,
    element("span", { className: "note" }, node.detail),
    element("span", { className: "note" }, node.owner ? `${node.owner}: ${node.disposition}` : "nobody owns it yet"))));
}

export function quarantineList(nodes) {
  if (!nodes.length) return element("p", { className: "empty" }, "Nothing is in quarantine.");
  return element("ul", { className: "items" }, ...nodes.map((node) => element("li", {},
    element("b", {}, words(node.reason)), ` · ${node.device?.name ?? node.deviceEui ?? "unknown device"} · ${moment(node.recordedAt)}`,
    element("span", { className: "note" }, node.detail))));
}

export function gapList(nodes) {
  if (!nodes.length) return element("p", { className: "empty" }, "No gap is open.");
  return element("ul", { className: "items" }, ...nodes.map((node) => element("li", {},
    element("b", {}, node.meteringPoint?.name ?? "Metering point"), ` · ${moment(node.startsAt)} to ${moment(node.endsAt)}`,
    element("span", { className: "note" }, "The sum over the gap is exact as soon as the next reading arrives."))));
}
