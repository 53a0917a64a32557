// PostGraphile 5 as its documentation sets it up: the standard preset, one process, a pool of 8, no pages for developers.
import { createServer } from "node:http";
import { postgraphile } from "postgraphile";
import { makePgService } from "postgraphile/adaptors/pg";
import { grafserv } from "postgraphile/grafserv/node";
import { PostGraphileAmberPreset } from "postgraphile/presets/amber";

const service = makePgService({
  connectionString: process.env.BENCH_DATABASE_URL,
  schemas: ["public"],
  // the settings that our connections have
  poolConfig: { max: 8, options: "-c jit=off -c timezone=UTC -c random_page_cost=1.1 -c enable_seqscan=off" },
});
const server = createServer();
const serving = postgraphile({
  extends: [PostGraphileAmberPreset],
  pgServices: [service],
  grafserv: { graphqlPath: "/graphql", graphiql: false, watch: false },
}).createServ(grafserv);
await serving.addTo(server);
server.listen(Number(process.env.BENCH_PORT), "127.0.0.1");
