/** The ready questions of docs/queries.md, each with a comment that says whose it is and what it asks. */
export function examplesIn(page: string): string[] {
  const found: string[] = [];
  for (const section of page.split(/^## /m).slice(1)) {
    const whose = section.slice(0, section.indexOf("\n"));
    for (const [, told, asked] of section.matchAll(/^([^\n]+):\n\n```graphql\n(.*?)```/gms)) {
      found.push(`# ${whose}: ${told}\n${asked}`);
    }
  }
  return found;
}
