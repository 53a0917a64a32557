import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { draw, type Item, nameOf } from "../auditor/evidence.ts";
import { decode } from "./cbor.ts";
import { bytesOf, hexOf, judge, signedBytes, statementOf } from "./statement.ts";

// A published vector of the wire format (tests/golden/ecw1): what its device signed, and under which key.
const GOLDEN = JSON.parse(
  readFileSync(new URL("../../../tests/golden/ecw1/statement-1.json", import.meta.url), "utf8"),
);
const DER = Buffer.from(GOLDEN.public_key_pem.replace(/-----[^-]+-----|\s/g, ""), "base64");
const KEY = hexOf(DER.subarray(-65));
const EVIDENCE = bytesOf(GOLDEN.cose_sign1);

describe("a published statement", () => {
  test("is taken apart into what it says", () => {
    const statement = statementOf(EVIDENCE);
    expect(statement.deviceId).toBe(GOLDEN.dev_eui);
    expect(statement.kid).toBe(GOLDEN.kid);
    expect(statement.root).toBe(GOLDEN.root);
    expect(statement.readingCount).toBe(GOLDEN.register_wh.length);
    expect(statement.firstAt.toISOString()).toBe("2026-11-17T00:00:00.000Z");
    expect(hexOf(signedBytes(statement))).toBe(GOLDEN.sig_structure);
  });
  test("holds under its key, and under no other", async () => {
    expect(await judge("ecw1", GOLDEN.cose_sign1, KEY)).toBe("holds");
    const other = `04${"6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"}${"4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"}`;
    expect(await judge("ecw1", GOLDEN.cose_sign1, other)).toBe("fails");
  });
  test("fails when any byte of payload or signature is another", async () => {
    const from = GOLDEN.cose_sign1.indexOf(GOLDEN.statement_payload) / 2;
    for (const at of [from + 20, EVIDENCE.length - 40, EVIDENCE.length - 1]) {
      const changed = Uint8Array.from(EVIDENCE);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(await judge("ecw1", hexOf(changed), KEY)).not.toBe("holds");
    }
  });
  test("of another format, or no statement at all, is not judged", async () => {
    expect(await judge("legacy", GOLDEN.cose_sign1, KEY)).toBe("unknown");
    for (const hex of ["", "00", "d2", "zz", "f6", "9b7fffffffffffffff", `${GOLDEN.cose_sign1}00`]) {
      expect(await judge("ecw1", hex, KEY)).toBe("unknown");
    }
  });
});

test("deep and overlong CBOR is refused", () => {
  expect(() => decode(new Uint8Array(40).fill(0x81))).toThrow(RangeError);
  expect(() => decode(Uint8Array.of(0x5a, 0xff, 0xff, 0xff, 0xff))).toThrow(RangeError);
  expect(decode(bytesOf("1bffffffffffffffff"))).toBe(2n ** 64n - 1n);
});

test("a sample depends on the seed and on nothing else", async () => {
  const items = Array.from({ length: 40 }, (_, at) => ({ txHash: `0x${at}`, periodStart: "" }) as Item);
  const names = async (seed: string, of: Item[]) => (await draw(of, seed, 5)).map(nameOf);
  expect(await names("a", items)).toEqual(await names("a", [...items].reverse()));
  expect(await names("a", items)).not.toEqual(await names("b", items));
});
