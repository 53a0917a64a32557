// Linking a wallet of one's own: it signs typed data (EIP-712); nothing is paid and nothing moves.

import { Button } from "@mantine/core";
import { useState } from "react";
import { accountOf, walletHere } from "../app/wallet.ts";
import { graphql } from "../graphql/gql.ts";
import { useAskAgain, useAskNow } from "../live/hooks.tsx";
import { Panel } from "../pieces/shown.tsx";
import { useSpeech, useWords } from "../words/language.tsx";
import * as member from "../words/member.ts";

const CHALLENGE = graphql(`
  mutation WalletLinkChallenge($memberId: ID!, $address: Address!) {
    walletLinkChallenge(memberId: $memberId, address: $address) {
      __typename
      ... on WalletChallengeMade { nonce typedData }
      ... on Problem { sentence }
    }
  }
`);
const LINK = graphql(`
  mutation LinkWallet($memberId: ID!, $nonce: Hash!, $signature: Hex!, $command: CommandInput!) {
    linkWallet(memberId: $memberId, nonce: $nonce, signature: $signature, command: $command) {
      __typename
      ... on Problem { sentence }
    }
  }
`);

export function LinkWallet({ memberId }: { memberId: string }) {
  const { words: frame } = useSpeech();
  const words = useWords(member);
  const ask = useAskNow();
  const askAgain = useAskAgain();
  const [told, setTold] = useState("");
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);

  const link = async () => {
    const wallet = walletHere();
    if (!wallet) {
      setProblem(frame.signIn.noWallet);
      return;
    }
    const address = await accountOf(wallet, frame.signIn.noWallet);
    const challenge = (await ask(CHALLENGE, { memberId, address })).walletLinkChallenge;
    if (challenge.__typename === "Problem") throw new Error(challenge.sentence);
    const signature = (await wallet.request({
      method: "eth_signTypedData_v4",
      params: [address, challenge.typedData],
    })) as string;
    const command = { idempotencyKey: challenge.nonce, reason: words.link };
    const outcome = (await ask(LINK, { memberId, nonce: challenge.nonce, signature, command })).linkWallet;
    if (outcome.__typename === "Problem") throw new Error(outcome.sentence);
    setTold(words.linked(address));
    await askAgain();
  };
  const run = async () => {
    setBusy(true);
    setProblem("");
    try {
      await link();
    } catch (error) {
      setProblem((error as Error).message);
    }
    setBusy(false);
  };

  return (
    <Panel title={words.link} lead={words.linkLead}>
      <Button variant="default" onClick={() => void run()} loading={busy}>
        {words.linkGo}
      </Button>
      <p className="problem" role="alert">
        {problem}
      </p>
      <p role="status">{told}</p>
    </Panel>
  );
}
