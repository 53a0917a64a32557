// The community's totals for everybody, without personal data.

import { QueryClient, QueryClientProvider, useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useContext, useEffect } from "react";
import { Link } from "wouter";
import { Choices } from "../app/Choices.tsx";
import { ConfigContext } from "../app/context.ts";
import { amount } from "../figures/amounts.ts";
import { dayOf, dayStart } from "../figures/times.ts";
import { graphql } from "../graphql/gql.ts";
import { ask } from "../live/ask.ts";
import { EnergyTable } from "../pieces/EnergyTable.tsx";
import type { Layer } from "../pieces/energyLayers.ts";
import { Answer, Empty, Figure, Panel, State } from "../pieces/shown.tsx";
import { useSpeech, useWords } from "../words/language.tsx";
import * as everybody from "../words/public.ts";

const COMMUNITY = graphql(`
  query Community($since: DateTime!, $until: DateTime!, $zone: String!) {
    community {
      memberCount sourceCount nameplateW verifiedWh minted agrees comparedAt finalisedBlock openBreakCount completenessPerMille
      energy(since: $since, until: $until, resolution: DAY, zone: $zone) { starts productionWh consumptionWh }
    }
  }
`);

const EnergyChart = lazy(() => import("../pieces/EnergyChart.tsx"));
const DAYS = 30;
const DAY_MS = 86_400_000;
const REFRESH_MS = 30_000;
const cache = new QueryClient({ defaultOptions: { queries: { networkMode: "always" } } });

function Totals() {
  const { zone, kwh, whole, tokens, percent, clock } = useSpeech();
  const words = useWords(everybody);
  const tomorrow = dayStart(dayOf(dayStart(dayOf(Date.now(), zone), zone).getTime() + 1.5 * DAY_MS, zone), zone);
  const first = dayStart(dayOf(tomorrow.getTime() - (DAYS - 0.5) * DAY_MS, zone), zone);
  const asked = { since: first.toISOString(), until: tomorrow.toISOString(), zone };
  const answer = useQuery({
    queryKey: ["community", asked],
    queryFn: ({ signal }) => ask(null, COMMUNITY, asked, signal),
    refetchInterval: REFRESH_MS,
  });
  return (
    <Answer of={answer} rows={8}>
      {({ community }) => {
        const layers: Layer[] = [
          ...(community.energy.consumptionWh
            ? [{ key: "consumed", name: words.consumed, colour: "var(--grid)", kind: "bar" } as const]
            : []),
          { key: "produced", name: words.produced, colour: "var(--way)", kind: "line" },
        ];
        const columns = community.energy.starts.map((start, at) => ({
          start,
          values: {
            produced: community.energy.productionWh[at] ?? null,
            consumed: community.energy.consumptionWh?.[at] ?? null,
          },
        }));
        const known = columns.some(({ values }) => values.produced !== null || values.consumed !== null);
        const rest = community.completenessPerMille;
        return (
          <>
            <Panel
              title={words.title}
              lead={words.lead}
              aside={
                <State
                  tone={
                    community.agrees && community.openBreakCount === 0
                      ? "good"
                      : community.agrees === null
                        ? "calm"
                        : "way"
                  }
                >
                  {community.agrees === null
                    ? words.notCompared
                    : community.openBreakCount > 0
                      ? words.disagree(community.openBreakCount)
                      : words.agree}
                </State>
              }
            >
              <div className="sums totals">
                <p>
                  <Figure value={kwh(community.verifiedWh ?? 0)} unit="kWh" />
                  <small>{words.verified}</small>
                </p>
                <p>
                  <Figure value={tokens(amount(community.minted))} unit="KWH" />
                  <small>{words.minted}</small>
                </p>
                <p>
                  <Figure value={kwh(community.nameplateW, 1)} unit="kWp" />
                  <small>{words.nameplate}</small>
                </p>
                <p>
                  <span className="figure">{whole(community.memberCount)}</span>
                  <small>{words.members}</small>
                </p>
                <p>
                  <span className="figure">{whole(community.sourceCount)}</span>
                  <small>{words.plants}</small>
                </p>
                {rest !== null && rest !== undefined && (
                  <p>
                    <span className="figure">{percent(rest)}</span>
                    <small>{words.complete}</small>
                  </p>
                )}
              </div>
              {community.comparedAt && community.finalisedBlock !== null && (
                <p className="note">
                  {words.comparedAt(clock.moment(community.comparedAt), whole(community.finalisedBlock ?? 0))}
                </p>
              )}
            </Panel>
            <Panel title={words.days}>
              {known ? (
                <>
                  <Suspense fallback={<div className="chart chart-waiting" aria-busy="true" />}>
                    <EnergyChart
                      columns={columns}
                      layers={layers}
                      span="month"
                      told={`${words.days}: ${kwh(community.verifiedWh ?? 0)} kWh ${words.verified}`}
                    />
                  </Suspense>
                  <div className="under-chart">
                    <EnergyTable columns={columns} layers={layers} span="month" name={words.table} />
                  </div>
                </>
              ) : (
                <Empty>{words.noEnergy}</Empty>
              )}
            </Panel>
          </>
        );
      }}
    </Answer>
  );
}

export default function Public() {
  const { words: frame } = useSpeech();
  const words = useWords(everybody);
  const config = useContext(ConfigContext);
  useEffect(() => {
    document.title = `${words.title} · ${config.community}`;
  }, [words.title, config.community]);
  return (
    <QueryClientProvider client={cache}>
      <a className="skip" href="#main">
        {frame.skip}
      </a>
      <header className="top">
        <Link href="/public" className="brand">
          <img src="/mark.svg" alt="" width="26" height="26" />
          <span>{config.community}</span>
        </Link>
        <div className="top-end">
          <Choices />
          <Link href="/" className="next">
            {words.signIn}
          </Link>
        </div>
      </header>
      <main id="main" tabIndex={-1} className="alone-wide">
        <h1>{config.community}</h1>
        <Totals />
      </main>
    </QueryClientProvider>
  );
}
