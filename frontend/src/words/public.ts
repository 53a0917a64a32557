// What everybody may read, in both languages.

export const en = {
  title: "What the community does",
  lead: "Sums of all members together. Nothing here belongs to one person.",
  members: "members",
  plants: "plants",
  nameplate: "installed",
  verified: "produced and verified",
  minted: "minted as tokens",
  complete: "of all readings arrived",
  agree: "Readings, issuances and tokens agree to the watt-hour.",
  disagree: (count: number) =>
    count === 1 ? "One disagreement is being looked into." : `${count} disagreements are being looked into.`,
  notCompared: "The books have not been compared with the chain yet.",
  comparedAt: (when: string, block: string) => `Compared ${when} up to finalised block ${block}.`,
  days: "The last 30 days",
  produced: "produced",
  consumed: "consumed by members",
  table: "As a table",
  noEnergy: "No verified reading yet.",
  signIn: "Sign in",
};

export const de: typeof en = {
  title: "Was die Gemeinschaft leistet",
  lead: "Summen aller Mitglieder zusammen. Nichts hier gehört zu einer Person.",
  members: "Mitglieder",
  plants: "Anlagen",
  nameplate: "installiert",
  verified: "erzeugt und geprüft",
  minted: "als Token geprägt",
  complete: "aller Ablesungen trafen ein",
  agree: "Ablesungen, Ausgaben und Token stimmen auf die Wattstunde überein.",
  disagree: (count: number) =>
    count === 1 ? "Einer Abweichung wird nachgegangen." : `${count} Abweichungen wird nachgegangen.`,
  notCompared: "Die Bücher wurden noch nicht mit der Kette verglichen.",
  comparedAt: (when: string, block: string) => `Verglichen ${when} bis zum finalisierten Block ${block}.`,
  days: "Die letzten 30 Tage",
  produced: "erzeugt",
  consumed: "von Mitgliedern verbraucht",
  table: "Als Tabelle",
  noEnergy: "Noch keine geprüfte Ablesung.",
  signIn: "Anmelden",
};
