// What was typed on this computer for a device that is on its way; the books hold everything that was entered. Secrets are
// never kept.

import { useState } from "react";
import type { Values } from "./rows.ts";
import type { Step } from "./steps.ts";

export interface Draft {
  reason: string;
  typed: Partial<Record<Step, Values>>;
  /** Meter and metering point that were entered, and stand in no installation yet. */
  entered: readonly Step[];
}

const EMPTY: Draft = { reason: "", typed: {}, entered: [] };
const COMMUNITY = "onboarding-community";

function kept(name: string): Draft {
  try {
    return { ...EMPTY, ...JSON.parse(sessionStorage.getItem(name) ?? "{}") };
  } catch {
    return EMPTY;
  }
}

export function useDraft(eui: string) {
  const name = `onboarding ${eui}`;
  const [draft, setDraft] = useState(() => kept(name));
  const change = (next: Partial<Draft>) => {
    const whole = { ...draft, ...next };
    sessionStorage.setItem(name, JSON.stringify(whole));
    setDraft(whole);
  };
  return [draft, change] as const;
}

/** The community's name in imports: the one that was given last, else `other`. */
export const communityOr = (other: string): string => localStorage.getItem(COMMUNITY) ?? other;
export const keepCommunity = (name: string): void => localStorage.setItem(COMMUNITY, name);
