// Who is signed in: an API key (or a wallet's session), which stays in this tab, or an issuer's access token.

import type { UserManager } from "oidc-client-ts";
import type { Config } from "./config.ts";

const KEY = "community-api-key";

export interface Session {
  /** The credential to send now; null when the sign-in is over. */
  credential(): Promise<string | null>;
  end(): Promise<void>;
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
  return {
    credential: async () => sessionStorage.getItem(KEY),
    end: async () => sessionStorage.removeItem(KEY),
  };
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
    automaticSilentRenew: true,
  });
  return manager;
}

function tokenSession(of: UserManager): Session {
  return {
    credential: async () => {
      const user = await of.getUser();
      if (user && !user.expired) return user.access_token;
      const renewed = user?.refresh_token ? await of.signinSilent().catch(() => null) : null;
      return renewed?.access_token ?? null;
    },
    end: async () => {
      await of.removeUser();
    },
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
    const user = await at.signinRedirectCallback();
    history.replaceState(null, "", typeof user.state === "string" ? user.state : "/");
    return tokenSession(at);
  }
  return (await at.getUser()) ? tokenSession(at) : null;
}
