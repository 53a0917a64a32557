// A statement as its device signed it (docs/wire-format.md), taken apart and checked in the browser by WebCrypto: nobody has
// to believe the server that its figures are signed.

import { type Cbor, decode, head } from "./cbor.ts";

const COSE_SIGN1 = 18;
const ES256 = -7;
const SLOT_S = 900;

export interface Statement {
  deviceId: string;
  keyNumber: number;
  counter: number;
  firstAt: Date;
  span: number;
  readingCount: number;
  profile: number;
  /** Merkle root over the readings' leaves (RFC 9162), hex. */
  root: string;
  /** Key id as the device wrote it, hex. */
  kid: string;
  payload: Uint8Array;
  signature: Uint8Array;
  protectedHeader: Uint8Array;
}

export function bytesOf(hex: string): Uint8Array<ArrayBuffer> {
  const digits = hex.startsWith("0x") ? hex.slice(2) : hex;
  if (digits.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(digits)) throw new RangeError("this is no hex");
  return Uint8Array.from({ length: digits.length / 2 }, (_, at) =>
    Number.parseInt(digits.slice(2 * at, 2 * at + 2), 16),
  );
}

export const hexOf = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

function must<Value extends Cbor>(value: Cbor | undefined, is: (value: Cbor) => value is Value, what: string): Value {
  if (value === undefined || !is(value)) throw new RangeError(`${what} is missing`);
  return value;
}
const isBytes = (value: Cbor): value is Uint8Array => value instanceof Uint8Array;
const isNumber = (value: Cbor): value is number => typeof value === "number";
const isList = (value: Cbor): value is Cbor[] => Array.isArray(value);
const isMap = (value: Cbor): value is Map<Cbor, Cbor> => value instanceof Map;

/** Takes the evidence (a tagged COSE_Sign1) apart. Throws RangeError for anything else. */
export function statementOf(evidence: Uint8Array): Statement {
  const tagged = must(decode(evidence), isMap, "the tag");
  if (tagged.get("tag") !== COSE_SIGN1) throw new RangeError("this is no COSE_Sign1");
  const [header, unprotected, payload, signature] = must(tagged.get("item"), isList, "the array");
  const protectedHeader = must(header, isBytes, "the protected header");
  if (must(decode(protectedHeader), isMap, "the header's map").get(1) !== ES256) throw new RangeError("not ES256");
  const body = must(payload, isBytes, "the payload");
  const [, device, keyNumber, counter, slot, span, count, profile, root] = must(decode(body), isList, "the statement");
  return {
    deviceId: hexOf(must(device, isBytes, "the device")),
    keyNumber: must(keyNumber, isNumber, "the key number"),
    counter: must(counter, isNumber, "the counter"),
    firstAt: new Date(must(slot, isNumber, "the first slot") * SLOT_S * 1000),
    span: must(span, isNumber, "the span"),
    readingCount: must(count, isNumber, "the count"),
    profile: must(profile, isNumber, "the profile"),
    root: hexOf(must(root, isBytes, "the root")),
    kid: hexOf(must(must(unprotected, isMap, "the key id").get(4), isBytes, "the key id")),
    payload: body,
    signature: must(signature, isBytes, "the signature"),
    protectedHeader,
  };
}

function joined(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** What the device signed: Sig_structure of RFC 9052 4.4. */
export function signedBytes(of: Statement): Uint8Array<ArrayBuffer> {
  const context = new TextEncoder().encode("Signature1");
  return joined(
    head(4, 4),
    head(3, context.length),
    context,
    head(2, of.protectedHeader.length),
    of.protectedHeader,
    head(2, 0),
    head(2, of.payload.length),
    of.payload,
  );
}

export const sha256 = async (bytes: Uint8Array<ArrayBuffer>): Promise<string> =>
  hexOf(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));

/** Whether the statement's signature holds under a public key (65 bytes, uncompressed point of P-256, hex). */
export async function signatureHolds(of: Statement, publicKey: string): Promise<boolean> {
  const curve = { name: "ECDSA", namedCurve: "P-256" };
  const key = await crypto.subtle.importKey("raw", bytesOf(publicKey), curve, false, ["verify"]);
  return crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, key, joined(of.signature), signedBytes(of));
}

export type Verdict = "holds" | "fails" | "unknown";

/** The check of what the API gave out; "unknown" where it is no ECW1 statement or this browser has no WebCrypto. */
export async function judge(format: string, signed: string, publicKey: string): Promise<Verdict> {
  if (format !== "ecw1" || !globalThis.crypto?.subtle) return "unknown";
  try {
    return (await signatureHolds(statementOf(bytesOf(signed)), publicKey)) ? "holds" : "fails";
  } catch {
    return "unknown";
  }
}
