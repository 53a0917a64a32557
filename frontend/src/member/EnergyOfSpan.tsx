// What a member's shares produced and his flat consumed in one span, with the part that was covered.

import { lazy, type ReactNode, Suspense, useEffect, useState } from "react";
import { amount, BASE_UNITS_PER_WH, permille, sum } from "../figures/amounts.ts";
import { columnsOf } from "../figures/coverage.ts";
import { csv, download } from "../figures/csv.ts";
import { dayOf, type Span, spanOf } from "../figures/times.ts";
import { graphql } from "../graphql/gql.ts";
import { useAsk } from "../live/hooks.tsx";
import { EnergyTable } from "../pieces/EnergyTable.tsx";
import type { Layer } from "../pieces/energyLayers.ts";
import { Answer, Empty, Figure, Panel } from "../pieces/shown.tsx";
import { useSpeech, useWords } from "../words/language.tsx";
import * as member from "../words/member.ts";

const ENERGY = graphql(`
  query MemberEnergy($since: DateTime!, $until: DateTime!, $resolution: Resolution!, $zone: String!) {
    members(first: 10) {
      nodes {
        id
        energyConsumptionUnits { id }
        energy(since: $since, until: $until, resolution: $resolution, zone: $zone) {
          starts consumptionWh productionShare covered fromGrid surplus consumptionMissing productionMissing
          total { consumptionWh productionShare covered consumptionMissing productionMissing }
        }
      }
    }
  }
`);

const EnergyChart = lazy(() => import("../pieces/EnergyChart.tsx"));
const RESOLUTION = { day: "INTERVAL", week: "HOUR", month: "DAY", year: "MONTH" } as const;
const REFRESH_MS = 60_000;

/** The present minute, so that a new day begins at midnight without a click. */
function useMinute(): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), REFRESH_MS);
    return () => clearInterval(timer);
  }, []);
  return now;
}

export function EnergyOfSpan(props: { span: Span; steps: number; title: string; aside?: ReactNode; whole?: boolean }) {
  const { zone, kwh, percent, words: frame } = useSpeech();
  const words = useWords(member);
  const now = useMinute();
  const { from, until } = spanOf(props.span, now, props.steps, zone);
  const asked = { since: from.toISOString(), until: until.toISOString(), resolution: RESOLUTION[props.span], zone };
  const answer = useAsk(ENERGY, asked, { refreshMs: REFRESH_MS });
  const layers: Layer[] = [
    { key: "covered", name: words.covered, colour: "var(--final)", kind: "bar" },
    { key: "grid", name: words.fromGrid, colour: "var(--grid)", kind: "bar" },
    { key: "production", name: words.produced, colour: "var(--way)", kind: "line" },
  ];
  return (
    <Panel title={props.title} aside={props.aside}>
      <Answer of={answer} rows={7}>
        {({ members }) => {
          const energies = members.nodes.flatMap(({ energy }) => energy ?? []);
          const hasFlat = members.nodes.some((node) => node.energyConsumptionUnits.length > 0);
          const total = {
            consumption: sum(energies.map((each) => BigInt(each.total.consumptionWh))),
            production: sum(energies.map((each) => amount(each.total.productionShare))) / BASE_UNITS_PER_WH,
            covered: sum(energies.map((each) => amount(each.total.covered))) / BASE_UNITS_PER_WH,
          };
          const all = columnsOf(energies);
          const known = all.some((each) => each.consumptionWh !== null || each.productionWh !== null);
          if (!known) return <Empty>{words.noEnergy}</Empty>;
          const columns = all.map((each) => ({
            start: each.start,
            values: {
              covered: each.coveredWh,
              grid: each.fromGridWh,
              production: each.productionWh,
            },
          }));
          const shown = hasFlat ? layers : layers.filter(({ key }) => key === "production");
          const told = `${kwh(total.production)} kWh ${words.produced}, ${kwh(total.consumption)} kWh ${words.consumed}`;
          return (
            <>
              <div className="sums">
                <p>
                  <Figure value={kwh(total.production)} unit="kWh" />
                  <small>{words.produced}</small>
                </p>
                {hasFlat && (
                  <>
                    <p>
                      <Figure value={kwh(total.consumption)} unit="kWh" />
                      <small>{words.consumed}</small>
                    </p>
                    <p data-testid="coverage">
                      <Figure
                        value={percent(permille(total.covered, total.consumption)).replace(/\u202f%$/, "")}
                        unit="%"
                      />
                      <small>{words.coverage}</small>
                    </p>
                  </>
                )}
              </div>
              <Suspense fallback={<div className="chart chart-waiting" aria-busy="true" />}>
                <EnergyChart columns={columns} layers={shown} span={props.span} told={told} />
              </Suspense>
              {!hasFlat && <p className="note">{words.noFlat}</p>}
              {props.whole && (
                <div className="under-chart">
                  <EnergyTable columns={columns} layers={shown} span={props.span} name={words.table} />
                  <button
                    type="button"
                    className="link no-print"
                    onClick={() =>
                      download(
                        `energy-${dayOf(from, zone)}-${props.span}.csv`,
                        csv([
                          ["start", "production_share_wh", "consumption_wh", "covered_wh", "from_elsewhere_wh"],
                          ...all.map((each) => [
                            each.start,
                            each.productionWh,
                            each.consumptionWh,
                            each.coveredWh,
                            each.fromGridWh,
                          ]),
                        ]),
                      )
                    }
                  >
                    {frame.csv}
                  </button>
                </div>
              )}
            </>
          );
        }}
      </Answer>
    </Panel>
  );
}
