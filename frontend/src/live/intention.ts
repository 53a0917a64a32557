/** A new key for one intention of a person: what is sent twice with it is done once. */
export const newIntention = (): string => crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
