// What a wallet puts into the page (EIP-1193), and signing in by it (EIP-4361): nothing is paid and nothing moves.

import { graphql } from "../graphql/gql.ts";
import { ask } from "../live/ask.ts";

const MESSAGE = graphql(`
  mutation SignInMessage($address: Address!) {
    signInMessage(address: $address) {
      __typename
      ... on SignInAsked { nonce message }
      ... on Problem { sentence }
    }
  }
`);
const SIGN_IN = graphql(`
  mutation SignInWithWallet($nonce: Hex!, $signature: Hex!) {
    signInWithWallet(nonce: $nonce, signature: $signature) {
      __typename
      ... on SignedIn { token }
      ... on Problem { sentence }
    }
  }
`);

export interface Wallet {
  request(call: { method: string; params?: unknown[] }): Promise<unknown>;
}

export const walletHere = (): Wallet | undefined => (globalThis as { ethereum?: Wallet }).ethereum;

/** Wallets show the text of hex bytes; a text that happens to begin with 0x could be taken for bytes. */
const hexOf = (text: string): string =>
  `0x${Array.from(new TextEncoder().encode(text), (byte) => byte.toString(16).padStart(2, "0")).join("")}`;

/** The address that the person lets this page see. Throws what the wallet says, or `none` where it shows no account. */
export async function accountOf(wallet: Wallet, none: string): Promise<string> {
  const [address] = (await wallet.request({ method: "eth_requestAccounts" })) as string[];
  if (!address) throw new Error(none);
  return address;
}

/** A token for the member whose wallet this is. Throws the API's sentence, or what the wallet says; `none` where there is none. */
export async function signInByWallet(none: string): Promise<string> {
  const wallet = walletHere();
  if (!wallet) throw new Error(none);
  const address = await accountOf(wallet, none);
  const asked = (await ask(null, MESSAGE, { address })).signInMessage;
  if (asked.__typename === "Problem") throw new Error(asked.sentence);
  const signature = (await wallet.request({
    method: "personal_sign",
    params: [hexOf(asked.message), address],
  })) as string;
  const signed = (await ask(null, SIGN_IN, { nonce: asked.nonce, signature })).signInWithWallet;
  if (signed.__typename === "Problem") throw new Error(signed.sentence);
  return signed.token;
}
