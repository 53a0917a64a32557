// The developers' console: one operation at a time against this server. Served only in development.
import examples from "/console/examples.js";

const KEY = "community-api-key";
const EXAMPLES = Object.fromEntries(examples.map(({ name, query }) => [name, query]));
const at = (id) => document.getElementById(id);

at("key").value = sessionStorage.getItem(KEY) ?? "";
for (const name of Object.keys(EXAMPLES)) at("example").append(new Option(name, name));
at("query").value = examples[0].query;
at("example").addEventListener("change", () => { show(EXAMPLES[at("example").value]); });
at("operation").addEventListener("submit", (event) => { event.preventDefault(); run(); });
at("query").addEventListener("keydown", (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) run(); });
fetch("/schema.graphql").then((answer) => answer.text()).then((text) => { at("schema").textContent = text; });

// Its variables stand ready to be filled in.
function show(query) {
  const names = [...query.matchAll(/\$(\w+)\s*:/g)].map(([, name]) => name);
  at("query").value = query;
  at("variables").value = names.length ? JSON.stringify(Object.fromEntries(names.map((name) => [name, ""])), null, 2) : "";
}

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
