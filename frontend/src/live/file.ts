// A file that the API makes for whoever is signed in. A link could not show who asks.

import { AskError, type Credential } from "./ask.ts";

const NAMED = /filename="([^"/\\]+)"/;

/** What `path` answers, with the name that the API gives it. Throws AskError with the API's own sentence. */
export async function fetchFile(credential: Credential, path: string): Promise<{ name: string; content: Blob }> {
  const bearer = await credential();
  let answer = await send(path, bearer);
  if (answer.status === 401 && bearer !== null) {
    const other = await credential(bearer);
    if (other !== null && other !== bearer) answer = await send(path, other);
  }
  if (!answer.ok) {
    const first = (await answer.json().catch(() => null))?.errors?.[0];
    throw new AskError(first?.extensions?.code ?? "UNAVAILABLE", first?.message ?? `The answer was ${answer.status}.`);
  }
  const name = NAMED.exec(answer.headers.get("Content-Disposition") ?? "")?.[1];
  return { name: name ?? "evidence.jsonl", content: await answer.blob() };
}

async function send(path: string, bearer: string | null): Promise<Response> {
  try {
    return await fetch(path, { headers: bearer ? { Authorization: `Bearer ${bearer}` } : {}, credentials: "omit" });
  } catch {
    throw new AskError("OFFLINE", "The community's computer cannot be reached.");
  }
}
