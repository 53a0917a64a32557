// A member's energy as the API tells it, in watt-hours, several members of one household added up.

import { amount, BASE_UNITS_PER_WH } from "./amounts.ts";

export interface MemberEnergy {
  starts: string[];
  consumptionWh: (number | null)[];
  productionShare: (string | null)[];
  covered: string[];
  fromGrid: string[];
  surplus: string[];
  consumptionMissing: number[];
  productionMissing: number[];
}

export interface EnergyColumn {
  start: string;
  consumptionWh: number | null;
  productionWh: number | null;
  coveredWh: number;
  fromGridWh: number;
}

const wattHours = (units: string): number => Number(amount(units) / BASE_UNITS_PER_WH);

/** What is known of both is known; one that is unknown leaves the sum to the others. */
const added = (one: number | null, other: number | null): number | null =>
  one === null ? other : other === null ? one : one + other;

export function columnsOf(members: readonly MemberEnergy[]): EnergyColumn[] {
  const [first, ...others] = members;
  if (!first) return [];
  return first.starts.map((start, at) => {
    const column: EnergyColumn = { start, consumptionWh: null, productionWh: null, coveredWh: 0, fromGridWh: 0 };
    for (const member of [first, ...others]) {
      column.consumptionWh = added(column.consumptionWh, member.consumptionWh[at] ?? null);
      const produced = member.productionShare[at] ?? null;
      column.productionWh = added(column.productionWh, produced === null ? null : wattHours(produced));
      column.coveredWh += wattHours(member.covered[at] ?? "0");
      column.fromGridWh += wattHours(member.fromGrid[at] ?? "0");
    }
    return column;
  });
}
