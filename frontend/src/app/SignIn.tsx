import { Button, Divider, PasswordInput } from "@mantine/core";
import { type FormEvent, useContext, useState } from "react";
import { Link } from "wouter";
import { graphql } from "../graphql/gql.ts";
import { ask } from "../live/ask.ts";
import { useSpeech } from "../words/language.tsx";
import { Choices } from "./Choices.tsx";
import { ConfigContext } from "./context.ts";
import { keySession, type Session, signInAtIssuer } from "./session.ts";
import { signInByWallet } from "./wallet.ts";

const WHO = graphql(`query Who { viewer { role } }`);

export function SignIn({ ended, onSession }: { ended: boolean; onSession(session: Session): void }) {
  const { words } = useSpeech();
  const config = useContext(ConfigContext);
  const [key, setKey] = useState("");
  const [problem, setProblem] = useState(ended ? words.signIn.ended : "");
  const [busy, setBusy] = useState(false);

  const byWallet = async () => {
    setBusy(true);
    setProblem("");
    try {
      onSession(keySession(await signInByWallet(words.signIn.noWallet)));
    } catch (error) {
      const { code, message } = error as { code?: unknown; message: string };
      setProblem(code === "OFFLINE" ? words.offline : message);
      setBusy(false);
    }
  };

  const enter = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setProblem("");
    try {
      const given = key.trim();
      await ask(async () => given, WHO, {});
      onSession(keySession(given));
    } catch (error) {
      const { code, message } = error as { code?: string; message: string };
      setProblem(code === "UNAUTHENTICATED" ? words.signIn.wrong : code === "OFFLINE" ? words.offline : message);
      setBusy(false);
    }
  };

  const keyIsSecond = config.oidc !== null || config.wallet;
  return (
    <div className="door">
      <div className="door-choices">
        <Choices />
      </div>
      <main id="main" className="door-card">
        <img src="/mark.svg" alt="" width="44" height="44" />
        <h1>{config.community}</h1>
        <p className="lead">{words.signIn.lead}</p>
        {config.oidc && (
          <Button
            fullWidth
            size="md"
            onClick={() => signInAtIssuer(config).catch((error: Error) => setProblem(error.message))}
          >
            {words.signIn.withIssuer}
          </Button>
        )}
        {config.wallet && (
          <Button
            fullWidth
            size="md"
            mt={config.oidc ? "sm" : 0}
            variant={config.oidc ? "default" : "filled"}
            onClick={() => void byWallet()}
            disabled={busy}
          >
            {words.signIn.withWallet}
          </Button>
        )}
        {keyIsSecond && <Divider my="md" label={words.signIn.or} />}
        <form onSubmit={enter}>
          <PasswordInput
            label={words.signIn.key}
            description={words.signIn.keyNote}
            value={key}
            onChange={(event) => setKey(event.currentTarget.value)}
            placeholder="ecb_…"
            autoComplete="off"
            spellCheck={false}
            required
            withAsterisk={false}
            name="key"
          />
          <p className="problem" role="alert">
            {problem}
          </p>
          <Button type="submit" fullWidth variant={keyIsSecond ? "default" : "filled"} loading={busy}>
            {words.signIn.go}
          </Button>
        </form>
        <p className="door-public">
          <Link href="/public">{words.signIn.public}</Link>
        </p>
      </main>
    </div>
  );
}
