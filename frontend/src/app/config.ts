// What the page must know before anybody is signed in. The API writes it from its settings.

export interface Config {
  /** The community's name. */
  community: string;
  /** IANA name of the community's time zone. */
  zone: string;
  /** Address of a block explorer without a slash at its end; null where there is none. */
  explorer: string | null;
  /** The issuer that people sign in with; null where there are API keys only. */
  oidc: { authority: string; clientId: string; scope: string } | null;
  /** Whether a wallet's signature signs in (EIP-4361). */
  wallet: boolean;
}

const file = fetch("/config.json", { credentials: "omit" });

/** Asked for as soon as the page's script runs. Throws where the API cannot be reached. */
export async function loadConfig(): Promise<Config> {
  const answer = await file.catch(() => fetch("/config.json", { credentials: "omit" }));
  if (!answer.ok) throw new Error(`config.json: ${answer.status}`);
  return answer.json();
}
