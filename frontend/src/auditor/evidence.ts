// What an auditor takes away of one settlement, and the draw of a sample.

import { sha256 } from "../evidence/statement.ts";
import { graphql } from "../graphql/gql.ts";
import type { EvidenceQuery } from "../graphql/graphql.ts";

export const EVIDENCE = graphql(`
  query Evidence($since: DateTime!, $until: DateTime!, $sourceId: ID, $first: PageSize!, $after: Cursor) {
    reconciled(since: $since, until: $until, sourceId: $sourceId, first: $first, after: $after) {
      nodes {
        periodStart periodEnd energyWh amount state txHash blockNumber
        source { name sourceRef }
        issuance {
          id fromWh toWh
          measurement {
            at registerWh register { obis }
            device { eui }
            statement { digest counter format firstAt readingCount signed keyNumber kid publicKey isDevelopmentKey recordedAt }
          }
        }
      }
      pageInfo { hasNextPage endCursor }
    }
  }
`);

export type Item = EvidenceQuery["reconciled"]["nodes"][number];

/** What the rank is made of: the settlement's transaction, or the issuance that has none yet. */
export const nameOf = (item: Item): string => item.txHash ?? item.issuance?.id ?? item.periodStart;

/** The `count` items that come first when they are ranked by SHA-256 of seed, line feed and name. */
export async function draw(items: readonly Item[], seed: string, count: number): Promise<Item[]> {
  const ranked = await Promise.all(
    items.map(async (item) => ({ item, rank: await sha256(new TextEncoder().encode(`${seed}\n${nameOf(item)}`)) })),
  );
  ranked.sort((one, other) => (one.rank < other.rank ? -1 : one.rank > other.rank ? 1 : 0));
  return ranked.slice(0, count).map(({ item }) => item);
}
