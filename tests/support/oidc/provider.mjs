// A certified OpenID provider (npm: oidc-provider), shaped as a Keycloak realm: its tokens have azp, typ, realm_access and
// resource_access. Arguments: the port, and the people as JSON {subject: {roles, clientRoles}}. Prints "ready" once it listens.
// Each person is a client of his own that signs in with client credentials, so that a test of the API needs no browser; with
// WEB_URL there is the public client "web", too, at which people sign in on a page by their names (authorization code, PKCE).
import crypto from "node:crypto";
import { createServer } from "node:http";
import { Provider } from "oidc-provider";

const [port, peopleJson] = process.argv.slice(2);
const people = JSON.parse(peopleJson);
const audience = "energy-community";
const resource = "urn:energy-community";
const realm = "/realms/energy";
const issuer = `http://127.0.0.1:${port}${realm}`;
const site = process.env.WEB_URL;
const disabled = new Set();
const icon = '<link rel="icon" href="data:,">';

function signingKey(kid) {
  const { privateKey } = crypto.generateKeyPairSync("rsa", { modulusLength: 2048 });
  return { ...privateKey.export({ format: "jwk" }), kid, use: "sig", alg: "RS256" };
}

const clients = Object.keys(people).map((subject) => ({
  client_id: subject,
  client_secret: `secret-of-${subject}`,
  grant_types: ["client_credentials"],
  redirect_uris: [],
  response_types: [],
}));
if (site)
  clients.push({
    client_id: "web",
    token_endpoint_auth_method: "none",
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    redirect_uris: [`${site}/`],
    post_logout_redirect_uris: [`${site}/`],
  });

function providerWith(keys) {
  const provider = new Provider(issuer, {
    clients,
    jwks: { keys },
    cookies: { keys: ["a key of a test"] },
    clientBasedCORS: (_ctx, origin) => origin === site,
    findAccount: (_ctx, id) =>
      people[id] && !disabled.has(id) ? { accountId: id, claims: () => ({ sub: id }) } : undefined,
    // as Keycloak: whoever has signed in need not consent to the community's own page, and stays signed in
    issueRefreshToken: (_ctx, client) => client.grantTypeAllowed("refresh_token"),
    loadExistingGrant: async (ctx) => {
      const grant = new provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
      grant.addOIDCScope("openid");
      grant.addResourceScope(resource, "");
      await grant.save();
      return grant;
    },
    interactions: { url: (_ctx, interaction) => `${realm}/interaction/${interaction.uid}` },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      rpInitiatedLogout: {
        // Keycloak asks nobody who shows the ID token of his session.
        logoutSource: (ctx, form) => {
          const sure = form.replace("</form>", '<input type="hidden" name="logout" value="yes"></form>');
          ctx.body = `<!doctype html>${icon}<title>Signing out</title>${sure}<button form="op.logoutForm">Go on</button>`;
        },
      },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => resource,
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          scope: "",
          audience,
          accessTokenFormat: "jwt",
          accessTokenTTL: Number(process.env.TOKEN_TTL_S ?? 300),
          jwt: { sign: { alg: "RS256" } },
        }),
      },
    },
    extraTokenClaims: (_ctx, token) => {
      const person = people[token.accountId ?? token.clientId];
      return {
        azp: "web",
        typ: "Bearer",
        realm_access: { roles: person.roles ?? [] },
        resource_access: { [audience]: { roles: person.clientRoles ?? [] } },
      };
    },
  });
  provider.proxy = true;
  return provider;
}

/** The page at which a person says who he is. */
async function interact(request, response) {
  const chosen = new URL(request.url, issuer).searchParams.get("person");
  if (chosen) {
    const details = await provider.interactionDetails(request, response);
    if (details) await provider.interactionFinished(request, response, { login: { accountId: chosen } });
    return;
  }
  const ways = Object.keys(people).map((name) => `<p><a href="?person=${name}">${name}</a></p>`);
  response.setHeader("Content-Type", "text/html; charset=utf-8");
  response.end(`<!doctype html><html lang="en">${icon}<title>Sign in</title><h1>Energy realm</h1>${ways.join("")}</html>`);
}

let provider = providerWith([signingKey("first")]);
const control = {
  "/rotate": () => {
    provider = providerWith([signingKey(`key-${crypto.randomUUID()}`)]);
  },
  "/disable": (name) => disabled.add(name),
  "/enable": (name) => disabled.delete(name),
};
const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url, issuer);
  if (control[pathname]) {
    control[pathname](searchParams.get("person"));
    response.end("done");
  } else if (pathname.startsWith(`${realm}/interaction/`)) {
    interact(request, response).catch((error) => response.writeHead(500).end(String(error)));
  } else {
    request.originalUrl = request.url; // its own addresses lie below the realm, as Keycloak's
    request.url = request.url.slice(request.url.startsWith(realm) ? realm.length : 0);
    provider.callback()(request, response);
  }
});
server.listen(Number(port), "127.0.0.1", () => console.log("ready"));
