// The part of CBOR (RFC 8949) that a COSE_Sign1 with ECW1's payload is made of: integers, bytes, texts, arrays, maps, tags.

export type Cbor = number | bigint | string | Uint8Array | Cbor[] | Map<Cbor, Cbor>;

const DEPTH_MAX = 8;

/** Reads one item and nothing after it. Throws RangeError for anything else. */
export function decode(bytes: Uint8Array): Cbor {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;

  const take = (size: number): number => {
    if (size > bytes.length - at) throw new RangeError("the item ends too early");
    at += size;
    return at - size;
  };
  const count = (): number => {
    const size = length();
    if (typeof size === "bigint" || size > bytes.length) throw new RangeError("the item is longer than its bytes");
    return size;
  };
  let info = 0;
  const length = (): number | bigint => {
    if (info < 24) return info;
    if (info === 24) return view.getUint8(take(1));
    if (info === 25) return view.getUint16(take(2));
    if (info === 26) return view.getUint32(take(4));
    if (info !== 27) throw new RangeError("items of unknown length are not taken");
    const long = view.getBigUint64(take(8));
    return long <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(long) : long;
  };
  const item = (depth: number): Cbor => {
    if (depth > DEPTH_MAX) throw new RangeError("nested too deeply");
    const head = view.getUint8(take(1));
    info = head & 0x1f;
    switch (head >> 5) {
      case 0:
        return length();
      case 1: {
        const value = length();
        return typeof value === "bigint" ? -1n - value : -1 - value;
      }
      case 2:
      case 3: {
        const size = count();
        const part = bytes.subarray(take(size), at);
        return head >> 5 === 2 ? part : new TextDecoder("utf-8", { fatal: true }).decode(part);
      }
      case 4:
        return Array.from({ length: count() }, () => item(depth + 1));
      case 5: {
        const made = new Map<Cbor, Cbor>();
        for (let left = count(); left > 0; left -= 1) made.set(item(depth + 1), item(depth + 1));
        return made;
      }
      case 6: {
        const tag = length();
        return new Map<Cbor, Cbor>([
          ["tag", tag],
          ["item", item(depth + 1)],
        ]);
      }
      default:
        throw new RangeError("simple values and floats are not taken");
    }
  };

  const whole = item(0);
  if (at !== bytes.length) throw new RangeError("something follows the item");
  return whole;
}

/** The head of a byte string (major type 2) or text (3) or array (4). */
export function head(major: number, size: number): Uint8Array {
  if (size < 24) return Uint8Array.of((major << 5) | size);
  if (size < 256) return Uint8Array.of((major << 5) | 24, size);
  return Uint8Array.of((major << 5) | 25, size >> 8, size & 0xff);
}
