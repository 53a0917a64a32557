// One GraphQL operation by POST.

import type { TypedDocumentString } from "../graphql/graphql.ts";

/** An answer that is none: `code` as in api/errors.py, or OFFLINE when the API could not be reached. */
export class AskError extends Error {
  readonly code: string;
  constructor(code: string, sentence: string) {
    super(sentence);
    this.code = code;
  }
}

/** What is sent to say who asks; given the one that was refused, another one if there is any. */
export type Credential = (refused?: string) => Promise<string | null>;

export async function ask<Result, Variables>(
  credential: Credential | null,
  document: TypedDocumentString<Result, Variables>,
  variables: Variables,
  signal?: AbortSignal,
): Promise<Result> {
  const bearer = credential ? await credential() : null;
  try {
    return await send(bearer, document, variables, signal);
  } catch (error) {
    if (!credential || bearer === null || (error as Partial<AskError>).code !== "UNAUTHENTICATED") throw error;
    const other = await credential(bearer);
    if (other === null || other === bearer) throw error;
    return send(other, document, variables, signal);
  }
}

async function send<Result, Variables>(
  bearer: string | null,
  document: TypedDocumentString<Result, Variables>,
  variables: Variables,
  signal?: AbortSignal,
): Promise<Result> {
  let response: Response;
  try {
    response = await fetch("/graphql", {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        Accept: "application/graphql-response+json",
        ...(bearer ? { Authorization: `Bearer ${bearer}` } : {}),
      },
      body: JSON.stringify({ query: document.toString(), variables }),
      credentials: "omit",
      ...(signal ? { signal } : {}),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new AskError("OFFLINE", "The community's computer cannot be reached.");
  }
  const answer = await response.json().catch(() => null);
  const first = answer?.errors?.[0];
  if (first) throw new AskError(first.extensions?.code ?? "INTERNAL", first.message);
  if (!response.ok || !answer?.data) throw new AskError("UNAVAILABLE", `The answer was ${response.status}.`);
  return answer.data;
}
