// Who is signed in: an API key (or a wallet's session), which stays in this tab, or an issuer's access token.

import type { UserManager } from "oidc-client-ts";
import type { Credential } from "../live/ask.ts";
import type { Config } from "./config.ts";

const KEY = "community-api-key";

export interface Session {
  /** The credential to send now, another one than `refused` where that can be had; null when the sign-in is over. */
  credential: Credential;
  /** Forget the sign-in in this tab. */
  end(): Promise<void>;
  /** The person leaves: the sign-in ends where it was made, too. The page may be left for that. */
  signOut(): Promise<void>;
}

/** The key from the address (#key=…), which is cleaned at once so that nobody shares it by accident. */
function keyFromAddress(): string | null {
  const given = new URLSearchParams(location.hash.slice(1)).get("key");
  if (given !== null) history.replaceState(null, "", location.pathname + location.search);
  return given;
}

/** Taken as soon as the script runs, before the page's own ways change the address. */
const given = (() => {
  let key = keyFromAddress();
  return {
    take: () => {
      const taken = key;
      key = null;
      return taken;
    },
  };
})();
// A link with another key, opened in this tab, is another sign-in.
addEventListener("hashchange", () => {
  if (location.hash.startsWith("#key=")) location.reload();
});

export function keySession(key: string): Session {
  sessionStorage.setItem(KEY, key);
  const end = async () => sessionStorage.removeItem(KEY);
  return { credential: async () => sessionStorage.getItem(KEY), end, signOut: end };
}

let manager: UserManager | null = null;

/** OpenID Connect with PKCE. Its code is loaded only where an issuer is configured. */
async function issuer(config: Config): Promise<UserManager | null> {
  if (!config.oidc) return null;
  if (manager) return manager;
  const { UserManager, WebStorageStateStore } = await import("oidc-client-ts");
  manager = new UserManager({
    authority: config.oidc.authority,
    client_id: config.oidc.clientId,
    scope: config.oidc.scope,
    redirect_uri: `${location.origin}/`,
    post_logout_redirect_uri: `${location.origin}/`,
    userStore: new WebStorageStateStore({ store: sessionStorage }),
    // It is renewed when it is needed: two renewals at once would use one refresh token twice.
    automaticSilentRenew: false,
  });
  return manager;
}

function tokenSession(of: UserManager): Session {
  let renewal: Promise<string | null> | null = null;
  const renew = () => {
    renewal ??= of
      .signinSilent()
      .then((user) => user?.access_token ?? null)
      .catch(() => null)
      .finally(() => {
        renewal = null;
      });
    return renewal;
  };
  return {
    credential: async (refused) => {
      const user = await of.getUser();
      if (user && !user.expired && user.access_token !== refused) return user.access_token;
      return user?.refresh_token ? renew() : null;
    },
    end: () => of.removeUser(),
    signOut: () => of.signoutRedirect().catch(() => of.removeUser()),
  };
}

/** Send the person to the issuer; he comes back to this page. */
export async function signInAtIssuer(config: Config): Promise<void> {
  await (await issuer(config))?.signinRedirect({ state: location.pathname });
}

/** The session that this tab has already: from the address, from before, or from the issuer that sends somebody back. */
export async function presentSession(config: Config): Promise<Session | null> {
  const key = given.take() ?? sessionStorage.getItem(KEY);
  if (key) return keySession(key);
  const at = await issuer(config);
  if (!at) return null;
  const query = new URLSearchParams(location.search);
  if (query.has("state") && (query.has("code") || query.has("error"))) {
    const back = await at.signinRedirectCallback().finally(() => history.replaceState(null, "", "/"));
    if (typeof back.state === "string") history.replaceState(null, "", back.state);
    return tokenSession(at);
  }
  return (await at.getUser()) ? tokenSession(at) : null;
}
