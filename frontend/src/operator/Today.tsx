// What needs the operator today, each with its next action; below it the books, live.

import type { ReactNode } from "react";
import { Link } from "wouter";
import { graphql } from "../graphql/gql.ts";
import { useAsk, useLive } from "../live/hooks.tsx";
import { Reconciliation, useRun } from "../pieces/Reconciliation.tsx";
import { Answer, Panel } from "../pieces/shown.tsx";
import { kindName } from "../words/kinds.ts";
import { useSpeech, useWords } from "../words/language.tsx";
import * as operator from "../words/operator.ts";
import { Approve, Resolve } from "./commands.tsx";

const QUEUES = graphql(`
  query Queues {
    devices(first: 500) { nodes { id name eui state onboarding keys { kid } } }
    silentDevices(silentForS: 2700, first: 50) { nodes { id name eui lastSeenAt } }
    inbox { deviceEui deviceName reason frames firstAt adoptableUntil }
    evidenceGaps { id deviceName deviceEui kind first last state sinceAt asked lastAskedAt }
    gaps(open: true, first: 50) { nodes { id startsAt endsAt meteringPoint { id name } } }
    failedTransactions(first: 50) { nodes { id periodStart periodEnd state failure source { name } } }
  }
`);
const QUARANTINE = graphql(`
  subscription Quarantine($after: Cursor) {
    quarantine(first: 20, after: $after) { cursor nodes { id reason detail recordedAt deviceEui device { id name } } }
  }
`);

interface Item {
  id: string;
  what: ReactNode;
  when: string;
  detail?: string;
  action?: ReactNode;
}

function Queue({ id, title, next, items }: { id: string; title: string; next: string; items: Item[] }) {
  if (items.length === 0) return null;
  return (
    <Panel title={title} aside={<span className="count">{items.length}</span>} lead={next}>
      <ul className="queue" data-queue={id}>
        {items.map((item) => (
          <li key={item.id}>
            <div>
              <b>{item.what}</b> <span className="note">{item.when}</span>
              {item.detail && <p className="note">{item.detail}</p>}
            </div>
            {item.action}
          </li>
        ))}
      </ul>
    </Panel>
  );
}

export function Today() {
  const { clock, age, language, whole } = useSpeech();
  const words = useWords(operator);
  const answer = useAsk(QUEUES, {}, { refreshMs: 20_000 });
  const quarantine = useLive(QUARANTINE, {}, "quarantine")?.quarantine.nodes ?? [];
  const breaks = useRun()?.nodes ?? [];
  return (
    <>
      <h1>{words.today}</h1>
      <Answer of={answer} rows={8}>
        {({ devices, silentDevices, inbox, evidenceGaps, gaps, failedTransactions }) => {
          const pending = devices.nodes.filter(({ state }) => state === "pending");
          const link = (id: string, name: string) => <Link href={`/devices/${encodeURIComponent(id)}`}>{name}</Link>;
          const queues: { id: keyof typeof words.queues; items: Item[] }[] = [
            {
              id: "inbox",
              items: inbox.map((each) => ({
                id: each.deviceEui,
                what: each.deviceName ?? each.deviceEui,
                when: `${words.frames(whole(each.frames))}, ${words.since(clock.moment(each.firstAt))}`,
                detail: `${kindName(each.reason, language)}. ${words.adoptable(clock.fullDay(each.adoptableUntil))}`,
                action: (
                  <Link href={`/onboarding/${each.deviceEui}`} className="next">
                    {words.onboard}
                  </Link>
                ),
              })),
            },
            {
              id: "unknown",
              items: pending.map((each) => ({
                id: each.id,
                what: link(each.id, each.name),
                when: each.eui,
                detail: [kindName(each.onboarding, language), ...each.keys.map(({ kid }) => kid)].join(" · "),
                action: (
                  <div className="actions">
                    <Link href={`/onboarding/${each.eui}`} className="next">
                      {words.steps}
                    </Link>
                    <Approve deviceId={each.id} name={each.name} />
                  </div>
                ),
              })),
            },
            {
              id: "breaks",
              items: breaks.map((each) => ({
                id: each.id,
                what: kindName(each.kind, language),
                when: age(each.openedAt),
                detail: each.detail,
                action: (
                  <Link href="/breaks" className="next">
                    {words.details}
                  </Link>
                ),
              })),
            },
            {
              id: "failed",
              items: failedTransactions.nodes.map((each) => ({
                id: each.id,
                what: each.source?.name ?? "–",
                when: `${clock.moment(each.periodStart)}–${clock.time(each.periodEnd)}`,
                detail: each.failure ?? kindName(each.state, language),
                action: (
                  <Link href="/chain" className="next">
                    {words.details}
                  </Link>
                ),
              })),
            },
            {
              id: "quarantine",
              items: quarantine.map((each) => ({
                id: each.id,
                what: kindName(each.reason, language),
                when: `${each.device?.name ?? each.deviceEui ?? "–"} · ${clock.moment(each.recordedAt)}`,
                detail: each.detail,
                action: <Resolve entryId={each.id} title={kindName(each.reason, language)} />,
              })),
            },
            {
              id: "silent",
              items: silentDevices.nodes.map((each) => ({
                id: each.id,
                what: link(each.id, each.name),
                when: each.lastSeenAt ? words.lastSeen(age(each.lastSeenAt)) : words.neverSeen,
                detail: each.eui,
                action: (
                  <Link href={`/devices/${encodeURIComponent(each.id)}`} className="next">
                    {words.details}
                  </Link>
                ),
              })),
            },
            {
              id: "evidence",
              items: evidenceGaps.map((each) => ({
                id: each.id,
                what: each.deviceName,
                when: words.since(clock.moment(each.sinceAt)),
                detail: words.askedFor(whole(each.last - each.first + 1), kindName(each.kind, language), each.asked),
              })),
            },
            {
              id: "gaps",
              items: gaps.nodes.map((each) => ({
                id: each.id,
                what: each.meteringPoint?.name ?? "–",
                when: `${clock.moment(each.startsAt)}–${clock.time(each.endsAt)}`,
                action: (
                  <Link href="/completeness" className="next">
                    {words.details}
                  </Link>
                ),
              })),
            },
          ];
          if (queues.every(({ items }) => items.length === 0))
            return (
              <Panel title={words.done}>
                <p>✓ {words.calm}</p>
              </Panel>
            );
          return (
            <>
              {queues.map(({ id, items }) => (
                <Queue key={id} id={id} title={words.queues[id]} next={words.next[id]} items={items} />
              ))}
            </>
          );
        }}
      </Answer>
      <Reconciliation />
    </>
  );
}
