// The developers' console: one operation at a time against this server. Served only in development.
const KEY = "community-api-key";
const EXAMPLES = {
  "Balances": "{\n  balances {\n    member { name }\n    final\n    mintedNotFinal\n    earnedNotYetMinted\n    verifiedUntil\n  }\n}",
  "Last settlements, down to the signature": "{\n  settlements(first: 3) {\n    nodes {\n      fromWh toWh mintedWh readAt txHash\n      issuance { state measurement { registerWh statement { kid signed publicKey } } }\n    }\n  }\n}",
  "Reconciliation": "{\n  reconciliation { verifiedWh issuedWh settledWh pendingWh agrees breakCount }\n  breaks { nodes { kind subject detail } }\n}",
  "What was refused": "{\n  quarantine { nodes { reason detail recordedAt } }\n}",
};
const at = (id) => document.getElementById(id);

at("key").value = sessionStorage.getItem(KEY) ?? "";
for (const name of Object.keys(EXAMPLES)) at("example").append(new Option(name, name));
at("query").value = EXAMPLES["Balances"];
at("example").addEventListener("change", () => { at("query").value = EXAMPLES[at("example").value]; });
at("operation").addEventListener("submit", (event) => { event.preventDefault(); run(); });
at("query").addEventListener("keydown", (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) run(); });
fetch("/schema.graphql").then((answer) => answer.text()).then((text) => { at("schema").textContent = text; });

async function run() {
  let variables;
  try {
    variables = JSON.parse(at("variables").value || "{}");
  } catch (problem) {
    at("answer").textContent = `The variables are no JSON: ${problem.message}`;
    return;
  }
  const began = performance.now();
  try {
    const answer = await fetch("/graphql", {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${at("key").value.trim()}` },
      body: JSON.stringify({ query: at("query").value, variables }),
    });
    const text = await answer.text();
    at("took").textContent = `${answer.status}, ${Math.round(performance.now() - began)} ms`;
    at("answer").textContent = JSON.stringify(JSON.parse(text), null, 2);
    if (answer.ok) sessionStorage.setItem(KEY, at("key").value.trim());
  } catch (problem) {
    at("answer").textContent = `The server does not answer: ${problem.message}`;
  }
}
