// What happened that concerns the member: told live, and read when he says so.

import { graphql } from "../graphql/gql.ts";
import type { NewsSubscription } from "../graphql/graphql.ts";
import { useAskNow, useLive } from "../live/hooks.tsx";
import type { CommandInput } from "../operator/Command.tsx";

const NEWS = graphql(`
  subscription News($after: Cursor) {
    notifications(first: 50, after: $after) {
      cursor unreadCount
      nodes { id kind at readAt effectiveAt energyWh amount isLess shareCountBefore shareCountAfter sentence source { name } }
    }
  }
`);
const NEWEST = graphql(
  `query NewestOfEach { members(first: 10) { nodes { id notifications(first: 1) { nodes { id } } } } }`,
);
const MARK = graphql(`
  mutation MarkNotificationsRead($memberId: ID!, $upTo: ID!, $command: CommandInput!) {
    markNotificationsRead(memberId: $memberId, upTo: $upTo, command: $command) { __typename ... on Problem { sentence } }
  }
`);

export type Notice = NewsSubscription["notifications"]["nodes"][number];

export const useNews = () => useLive(NEWS, {}, "notifications")?.notifications;

/** Say that everything up to now was read, for each member of the household. Throws what is in the way. */
export function useMarkRead() {
  const ask = useAskNow();
  return async (command: () => CommandInput) => {
    for (const { id, notifications } of (await ask(NEWEST, {})).members.nodes) {
      const upTo = notifications.nodes[0]?.id;
      if (!upTo) continue;
      const done = (await ask(MARK, { memberId: id, upTo, command: command() })).markNotificationsRead;
      if (done.__typename === "Problem") throw new Error(done.sentence);
    }
  };
}
