import { createConfig } from "ponder";
import { tokenAbi } from "./abi";

// Six names for the one node: Ponder limits its requests by address, not by what the node can do.
const url = process.env.BENCH_RPC_URL!;
export default createConfig({
  database: { kind: "postgres", connectionString: process.env.BENCH_DATABASE_URL! },
  chains: {
    bench: { id: 31337, rpc: [1, 2, 3, 4, 5, 6].map((n) => url.replace("127.0.0.1", `127.0.0.${n}`)) },
  },
  contracts: {
    Token: {
      chain: "bench",
      abi: tokenAbi,
      address: process.env.BENCH_TOKEN as `0x${string}`,
      startBlock: 1,
      endBlock: Number(process.env.BENCH_END_BLOCK),
    },
  },
});
