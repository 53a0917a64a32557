// Which quarter-hours are known: metering point by day. Each cell says in words what its colour says.

import { type CSSProperties, useState } from "react";
import { dayOf, dayStart } from "../figures/times.ts";
import { graphql } from "../graphql/gql.ts";
import { useAsk } from "../live/hooks.tsx";
import { Answer, Empty, Panel, Scroll } from "../pieces/shown.tsx";
import { useSpeech, useWords } from "../words/language.tsx";
import * as operator from "../words/operator.ts";

const MATRIX = graphql(`
  query Completeness($firstDay: Date!, $lastDay: Date!, $zone: String!) {
    meteringPoints(first: 500) {
      nodes { id name direction completeness(firstDay: $firstDay, lastDay: $lastDay, zone: $zone) { days expected known estimated suspect missing } }
    }
  }
`);
const GAPS_OF = graphql(`
  query GapsOf($id: ID!) { gaps(meteringPointId: $id, first: 50) { nodes { id startsAt endsAt state energyWh } } }
`);

const DAYS = 14;
const DAY_MS = 86_400_000;

function GapsOfDay({ point, name, day }: { point: string; name: string; day: string }) {
  const { clock, kwh, zone } = useSpeech();
  const words = useWords(operator);
  const answer = useAsk(GAPS_OF, { id: point });
  const from = dayStart(day, zone).getTime();
  return (
    <Panel title={`${name}, ${clock.longDay(from)}`}>
      <Answer of={answer} rows={2}>
        {({ gaps }) => {
          const here = gaps.nodes.filter(
            (gap) => Date.parse(gap.endsAt) > from && Date.parse(gap.startsAt) < from + DAY_MS,
          );
          if (here.length === 0) return <Empty>{words.none}</Empty>;
          return (
            <ul className="queue">
              {here.map((gap) => (
                <li key={gap.id}>
                  <div>
                    <b>
                      {clock.moment(gap.startsAt)}–{clock.moment(gap.endsAt)}
                    </b>{" "}
                    <span className="note">
                      {gap.energyWh === null || gap.energyWh === undefined
                        ? words.next.gaps
                        : `${kwh(gap.energyWh)} kWh`}
                    </span>
                  </div>
                </li>
              ))}
            </ul>
          );
        }}
      </Answer>
    </Panel>
  );
}

export default function Completeness() {
  const { clock, zone } = useSpeech();
  const words = useWords(operator);
  const lastDay = dayOf(Date.now(), zone);
  const firstDay = dayOf(Date.now() - (DAYS - 1) * DAY_MS, zone);
  const answer = useAsk(MATRIX, { firstDay, lastDay, zone }, { refreshMs: 60_000 });
  const [chosen, setChosen] = useState<{ point: string; name: string; day: string } | null>(null);
  return (
    <>
      <div className="page-head">
        <div>
          <h1>{words.completeness}</h1>
          <p className="lead">{words.completenessLead}</p>
        </div>
      </div>
      <Panel
        title={words.meteringPoint}
        aside={
          <ul className="legend">
            {(["full", "estimated", "suspect", "missing", "none"] as const).map((kind) => (
              <li key={kind}>
                <i className={`cell ${kind}`} aria-hidden="true" />
                {words.legend[kind]}
              </li>
            ))}
          </ul>
        }
      >
        <Answer of={answer} rows={8}>
          {({ meteringPoints: { nodes } }) => {
            const days = nodes[0]?.completeness.days ?? [];
            if (nodes.length === 0) return <Empty>{words.none}</Empty>;
            return (
              <Scroll>
                <table className="matrix">
                  <thead>
                    <tr>
                      <th scope="col">
                        <span className="unseen">{words.meteringPoint}</span>
                      </th>
                      {days.map((day) => (
                        <th key={day} scope="col">
                          {clock.weekday(dayStart(day, zone))}
                        </th>
                      ))}
                    </tr>
                  </thead>
                  <tbody>
                    {nodes.map((point) => (
                      <tr key={point.id}>
                        <th scope="row">{point.name}</th>
                        {point.completeness.days.map((day, at) => {
                          const { expected, missing, estimated, suspect } = point.completeness;
                          const due = expected[at] ?? 0;
                          const lost = missing[at] ?? 0;
                          const kind =
                            due === 0
                              ? "none"
                              : lost > 0
                                ? "missing"
                                : (suspect[at] ?? 0) > 0
                                  ? "suspect"
                                  : (estimated[at] ?? 0) > 0
                                    ? "estimated"
                                    : "full";
                          const said =
                            due === 0 ? words.legend.none : lost > 0 ? words.missingOf(lost, due) : words.complete(due);
                          return (
                            <td key={day}>
                              <button
                                type="button"
                                className={`cell ${kind}`}
                                title={`${clock.day(dayStart(day, zone))}: ${said}`}
                                aria-label={`${point.name}, ${clock.day(dayStart(day, zone))}: ${said}`}
                                style={
                                  kind === "missing"
                                    ? ({ "--lost": `${Math.round(20 + (80 * lost) / due)}%` } as CSSProperties)
                                    : undefined
                                }
                                onClick={() => setChosen({ point: point.id, name: point.name, day })}
                              >
                                {lost > 0 ? lost : ""}
                              </button>
                            </td>
                          );
                        })}
                      </tr>
                    ))}
                  </tbody>
                </table>
              </Scroll>
            );
          }}
        </Answer>
      </Panel>
      {chosen && <GapsOfDay key={`${chosen.point} ${chosen.day}`} {...chosen} />}
    </>
  );
}
