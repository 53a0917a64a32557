// What a member sees first: his balance, today's energy, the latest credits.

import { Link } from "wouter";
import type { Viewer } from "../app/Signed.tsx";
import { graphql } from "../graphql/gql.ts";
import { useLive } from "../live/hooks.tsx";
import { Balance } from "../pieces/Balance.tsx";
import { Empty, Panel, Waiting } from "../pieces/shown.tsx";
import { useSpeech, useWords } from "../words/language.tsx";
import * as member from "../words/member.ts";
import { CreditTable } from "./CreditTable.tsx";
import { EnergyOfSpan } from "./EnergyOfSpan.tsx";
import { Notices } from "./Notices.tsx";
import { useNews } from "./news.ts";

/** Unread news that stand on the first page. */
const SHOWN = 3;

const BALANCES = graphql(`
  subscription Balances($after: Cursor) {
    balances(after: $after) {
      cursor
      nodes { member { id name } final mintedNotFinal earnedNotYetMinted verifiedUntil }
    }
  }
`);

export function Overview({ viewer }: { viewer: Viewer }) {
  const { clock } = useSpeech();
  const words = useWords(member);
  const nodes = useLive(BALANCES, {}, "balances")?.balances.nodes;
  const own = nodes ?? [];
  const unread = useNews()?.nodes.filter(({ readAt }) => !readAt) ?? [];
  return (
    <>
      <h1>{viewer.identity?.name ?? words.balance}</h1>
      {nodes === undefined && (
        <Panel title={words.balance}>
          <Waiting rows={4} />
        </Panel>
      )}
      {nodes?.length === 0 && (
        <Panel title={words.balance}>
          <Empty>{words.noShares}</Empty>
        </Panel>
      )}
      {own.map((node) => (
        <Panel
          key={node.member?.id ?? ""}
          title={own.length > 1 ? words.balanceOf(node.member?.name ?? "") : words.balance}
          aside={
            <span className="note">
              {node.verifiedUntil ? words.verifiedUntil(clock.moment(node.verifiedUntil)) : words.nothingVerified}
            </span>
          }
        >
          <Balance of={node} memberId={node.member?.id ?? ""} />
        </Panel>
      ))}
      {unread.length > 0 && (
        <Panel title={words.news.title} aside={<Link href="/news">{words.news.all}</Link>}>
          <Notices of={unread.slice(0, SHOWN)} />
        </Panel>
      )}
      <EnergyOfSpan span="day" steps={0} title={words.today} />
      <Panel title={words.lastCredits} aside={<Link href="/credits">{words.allCredits}</Link>}>
        <CreditTable first={6} />
      </Panel>
    </>
  );
}
