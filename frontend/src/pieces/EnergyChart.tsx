// Energy over time: bars that stack, and a line above them. Drawn as SVG, so that it prints and takes its colours from the page.

import { Area, Bar, CartesianGrid, ComposedChart, ResponsiveContainer, Tooltip, XAxis, YAxis } from "recharts";
import type { Span } from "../figures/times.ts";
import { useSpeech } from "../words/language.tsx";
import { type Clock, type Column, type Layer, label } from "./energyLayers.ts";

const tick = (clock: Clock, span: Span, start: string): string =>
  ({ day: clock.time, week: clock.weekday, month: clock.day, year: clock.shortMonth })[span](start);

/** Where the axis bears words: every third hour, each midnight, every fifth day, every month. */
function ticksOf(clock: Clock, span: Span, starts: string[]): string[] {
  if (span === "day") return starts.filter((start) => /^(00|03|06|09|12|15|18|21):00$/.test(clock.time(start)));
  if (span === "week") return starts.filter((start) => clock.time(start) === "00:00");
  return span === "month" ? starts.filter((_, index) => index % 5 === 0) : starts;
}

/** From nothing to just above the highest column in steps of 1, 2 or 5 times a power of ten. */
function niceTicks(columns: Column[], layers: Layer[]): number[] {
  const heights = columns.flatMap(({ values }) => {
    const stacked = layers.filter(({ kind }) => kind === "bar").reduce((sum, { key }) => sum + (values[key] ?? 0), 0);
    return [stacked, ...layers.filter(({ kind }) => kind === "line").map(({ key }) => values[key] ?? 0)];
  });
  const most = Math.max(4, ...heights);
  const power = 10 ** Math.floor(Math.log10(most / 4));
  const step = [1, 2, 5, 10].map((times) => times * power).find((size) => size * 5 >= most) ?? most;
  return Array.from({ length: Math.ceil(most / step) + 1 }, (_, index) => index * step);
}

export default function EnergyChart({
  columns,
  layers,
  span,
  told,
}: {
  columns: Column[];
  layers: Layer[];
  span: Span;
  told: string;
}) {
  const { clock, kwh } = useSpeech();
  const rows = columns.map(({ start, values }) => ({ start, ...values }));
  const scale = niceTicks(columns, layers);
  const named = new Map(layers.map(({ key, name }) => [key, name]));
  return (
    <figure className="chart">
      <div role="img" aria-label={told} className="chart-picture">
        <ResponsiveContainer width="100%" height="100%" initialDimension={{ width: 640, height: 240 }}>
          <ComposedChart
            data={rows}
            margin={{ top: 8, right: 4, bottom: 0, left: 0 }}
            barCategoryGap={span === "day" || span === "week" ? 1 : "18%"}
            accessibilityLayer={false}
          >
            <CartesianGrid vertical={false} stroke="var(--line)" />
            <XAxis
              dataKey="start"
              ticks={ticksOf(
                clock,
                span,
                columns.map(({ start }) => start),
              )}
              tickFormatter={(start: string) => tick(clock, span, start)}
              tickLine={false}
              axisLine={{ stroke: "var(--line-strong)" }}
              interval="preserveStartEnd"
              tick={{ fill: "var(--ink-soft)", fontSize: 12 }}
            />
            <YAxis
              tickFormatter={(wh: number) =>
                kwh(Math.round(wh), scale[1] !== undefined && scale[1] < 1000 ? (scale[1] < 100 ? 2 : 1) : 0)
              }
              tickLine={false}
              axisLine={false}
              width={44}
              ticks={scale}
              domain={[0, scale.at(-1) ?? 1]}
              tick={{ fill: "var(--ink-soft)", fontSize: 12 }}
            />
            <Tooltip
              isAnimationActive={false}
              cursor={{ fill: "var(--ink)", fillOpacity: 0.06 }}
              content={({ active, payload, label: start }) =>
                active && payload?.length ? (
                  <div className="tip">
                    <b>{label(clock, span, String(start))}</b>
                    {payload.map((each) => (
                      <div key={String(each.dataKey)}>
                        <i style={{ background: each.color }} />
                        <span>{named.get(String(each.dataKey))}</span>
                        <span className="number">{kwh(Math.round(Number(each.value)))} kWh</span>
                      </div>
                    ))}
                  </div>
                ) : null
              }
            />
            {layers.map(({ key, colour, kind }) =>
              kind === "bar" ? (
                <Bar key={key} dataKey={key} stackId="all" fill={colour} isAnimationActive={false} />
              ) : (
                <Area
                  key={key}
                  dataKey={key}
                  stroke={colour}
                  strokeWidth={1.5}
                  fill={colour}
                  fillOpacity={0.1}
                  dot={span === "year"}
                  type="monotone"
                  connectNulls={false}
                  isAnimationActive={false}
                />
              ),
            )}
          </ComposedChart>
        </ResponsiveContainer>
      </div>
      <figcaption>
        <ul className="legend">
          {layers.map(({ key, name, colour, kind }) => (
            <li key={key}>
              <i className={kind} style={{ background: colour }} aria-hidden="true" />
              {name}
            </li>
          ))}
        </ul>
      </figcaption>
    </figure>
  );
}
