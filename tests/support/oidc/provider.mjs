// A certified OpenID provider (npm: oidc-provider), shaped as a Keycloak realm: its tokens have azp, typ, realm_access and
// resource_access. Arguments: the port, and the people as JSON {subject: {roles, clientRoles}}. Prints "ready" once it listens.
// Each person is a client of his own that signs in with client credentials, so that a test needs no browser.
import crypto from "node:crypto";
import { createServer } from "node:http";
import { Provider } from "oidc-provider";

const [port, peopleJson] = process.argv.slice(2);
const people = JSON.parse(peopleJson);
const audience = "energy-community";
const issuer = `http://127.0.0.1:${port}/realms/energy`;

function signingKey(kid) {
  const { privateKey } = crypto.generateKeyPairSync("rsa", { modulusLength: 2048 });
  return { ...privateKey.export({ format: "jwk" }), kid, use: "sig", alg: "RS256" };
}

function providerWith(keys) {
  const provider = new Provider(issuer, {
    clients: Object.keys(people).map((subject) => ({
      client_id: subject,
      client_secret: `secret-of-${subject}`,
      grant_types: ["client_credentials"],
      redirect_uris: [],
      response_types: [],
    })),
    jwks: { keys },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => "urn:energy-community",
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
      const person = people[token.clientId];
      return {
        azp: "web",
        typ: "Bearer",
        realm_access: { roles: person.roles ?? [] },
        resource_access: { [audience]: { roles: person.clientRoles ?? [] } },
      };
    },
  });
  provider.proxy = true;
  return provider.callback();
}

let answer = providerWith([signingKey("first")]);
const server = createServer((request, response) => {
  if (request.url === "/rotate") {
    answer = providerWith([signingKey(`key-${crypto.randomUUID()}`)]);
    response.end("rotated");
    return;
  }
  request.url = request.url.replace(/^\/realms\/energy/, "");
  answer(request, response);
});
server.listen(Number(port), "127.0.0.1", () => console.log("ready"));
