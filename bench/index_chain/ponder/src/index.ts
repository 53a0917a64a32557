import { ponder } from "ponder:registry";
import { account, transfer } from "ponder:schema";

const nobody = "0x0000000000000000000000000000000000000000";

ponder.on("Token:Transfer", async ({ event, context }) => {
  const { from, to, value } = event.args;
  await context.db
    .insert(transfer)
    .values({ id: event.id, from, to, amount: value, block: event.block.number });
  if (from !== nobody)
    await context.db
      .insert(account)
      .values({ address: from, balance: -value })
      .onConflictDoUpdate((row) => ({ balance: row.balance - value }));
  if (to !== nobody)
    await context.db
      .insert(account)
      .values({ address: to, balance: value })
      .onConflictDoUpdate((row) => ({ balance: row.balance + value }));
});
