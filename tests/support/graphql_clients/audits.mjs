// Runs the audits of graphql-http against a server: node audits.mjs URL KEY. Prints one JSON list of results.
import { serverAudits } from "graphql-http";

const [url, key] = process.argv.slice(2);
const fetchFn = (where, options = {}) =>
  fetch(where, { ...options, headers: { ...options.headers, authorization: `Bearer ${key}` } });
const results = [];
for (const audit of serverAudits({ url, fetchFn })) {
  const result = await audit.fn();
  results.push({ name: audit.name, status: result.status, reason: result.reason ?? null });
}
console.log(JSON.stringify(results));
