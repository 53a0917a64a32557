// Tables as CSV (RFC 4180): what a person downloads are the exact figures, not the cut ones of the screen.

type Cell = string | number | bigint | null | undefined;

/** One cell. Text that a spreadsheet would take for a formula is made harmless by an apostrophe, where people open it. */
function cell(value: Cell, forPeople: boolean): string {
  if (value === null || value === undefined) return "";
  const formula = forPeople && typeof value === "string" && /^[=+\-@\t\r]/.test(value);
  const text = formula ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export const csv = (rows: readonly (readonly Cell[])[], forPeople = true): string =>
  rows.map((row) => `${row.map((each) => cell(each, forPeople)).join(",")}\r\n`).join("");

/** Hand `text` to the person as a file. */
export const download = (name: string, text: string, type = "text/csv"): void =>
  handOver(name, new Blob([text], { type: `${type};charset=utf-8` }));

/** Hand `content` to the person as a file. */
export function handOver(name: string, content: Blob): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
