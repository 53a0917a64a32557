import type { Span } from "../figures/times.ts";
import { useSpeech } from "../words/language.tsx";
import { type Column, type Layer, label } from "./energyLayers.ts";
import { Scroll } from "./shown.tsx";

/** The same figures as a table, for whoever reads or hears them rather than looks at them. */
export function EnergyTable({
  columns,
  layers,
  span,
  name,
}: {
  columns: Column[];
  layers: Layer[];
  span: Span;
  name: string;
}) {
  const { clock, kwh } = useSpeech();
  return (
    <details className="as-table">
      <summary>{name}</summary>
      <Scroll tall>
        <table className="data">
          <thead>
            <tr>
              <th scope="col">
                <span className="unseen">{name}</span>
              </th>
              {layers.map((layer) => (
                <th key={layer.key} scope="col" className="number">
                  {layer.name}, kWh
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {columns.map(({ start, values }) => (
              <tr key={start}>
                <th scope="row">{label(clock, span, start)}</th>
                {layers.map(({ key }) => {
                  const wh = values[key] ?? null;
                  return (
                    <td key={key} className="number">
                      {wh === null ? "–" : kwh(wh)}
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </details>
  );
}
