// The rows that the steps enter: the columns of docs/bulk-import.md, as fields of a form.

import { csv } from "../../figures/csv.ts";
import type { ImportKind } from "../../graphql/graphql.ts";

export interface Field {
  /** The column of the import. */
  column: string;
  optional?: boolean;
  secret?: boolean;
  /** A time on the community's clocks; it leaves as an instant. */
  instant?: boolean;
  choices?: readonly string[];
  start?: string;
}

export const DEVICE: readonly Field[] = [
  { column: "device" },
  { column: "name" },
  { column: "format", choices: ["ecw1", "legacy"] },
  { column: "profile", choices: ["2", "1", "3"] },
  { column: "secret", secret: true, optional: true },
];
export const METER: readonly Field[] = [
  { column: "meter" },
  { column: "maker" },
  { column: "model" },
  { column: "registers", start: "1-0:1.8.0+1-0:2.8.0" },
  { column: "meter_key", secret: true, optional: true },
];
export const POINT: readonly Field[] = [
  { column: "metering_point" },
  { column: "name" },
  { column: "direction", choices: ["production", "consumption"] },
  { column: "settled_obis", start: "1-0:2.8.0" },
  { column: "member", optional: true },
];
export const INSTALLATION: readonly Field[] = [
  { column: "metering_point" },
  { column: "meter" },
  { column: "valid_from", instant: true },
  { column: "max_power_w" },
  { column: "factor", start: "1" },
];
export const SOURCE: readonly Field[] = [
  { column: "source" },
  { column: "name" },
  { column: "source_ref" },
  { column: "technology", start: "photovoltaics" },
  { column: "nameplate_w" },
  { column: "share_total", start: "1000" },
  { column: "opening_register_wh" },
  { column: "opening_at", instant: true },
  { column: "settlement_period", choices: ["interval", "hour", "day"] },
  { column: "declared_by" },
  { column: "declared_at", instant: true },
];

export type Values = Readonly<Record<string, string>>;

/** What a form begins with, where nothing was typed into it before. */
export const startOf = (fields: readonly Field[]): Values =>
  Object.fromEntries(fields.map(({ column, start, choices }) => [column, start ?? choices?.[0] ?? ""]));

/** One row as a file of an import. Columns that are empty are left out. */
export function fileOf(kind: ImportKind, community: string, values: Values) {
  const filled = Object.entries(values).filter(([, value]) => value.trim() !== "");
  const header = ["community", ...filled.map(([column]) => column)];
  const row = [community, ...filled.map(([, value]) => value.trim())];
  return { kind, content: csv([header, row], false) };
}
