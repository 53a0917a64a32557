// The list of holders while it is edited. Pure. Its order counts: the last takes what rounding leaves.

export interface Held {
  id: string;
  name: string;
  /** As it is typed: digits or nothing. */
  count: string;
}

interface Table {
  shares: readonly { shareCount: number; holder?: { id: string; name: string } | null }[];
}

/** The holders of the newest revision, in its order; `tables` come newest first. */
export const currentOf = (tables: readonly Table[]): Held[] =>
  (tables[0]?.shares ?? []).flatMap(({ holder, shareCount }) =>
    holder ? [{ id: holder.id, name: holder.name, count: String(shareCount) }] : [],
  );

/** A newcomer stands before the last, who goes on taking what rounding leaves. */
export const added = (held: readonly Held[], { id, name }: { id: string; name: string }): Held[] => [
  ...held.slice(0, -1),
  { id, name, count: "" },
  ...held.slice(-1),
];

/** Shares that are still to be given; below 0 where too many are. */
export const missing = (held: readonly Held[], total: number): number =>
  held.reduce((left, { count }) => left - Number(count), total);

/** What is sent: whoever holds nothing stands in no revision. */
export const stated = (held: readonly Held[]): { memberId: string; shareCount: number }[] =>
  held.flatMap(({ id, count }) => (Number(count) > 0 ? [{ memberId: id, shareCount: Number(count) }] : []));
