/** One field as it stands in a protobuf message: its number, and its value as the wire has it. */
export type WireField =
  | { readonly number: number; readonly kind: 'varint'; readonly value: bigint }
  | { readonly number: number; readonly kind: 'fixed64'; readonly bytes: Buffer }
  | { readonly number: number; readonly kind: 'fixed32'; readonly bytes: Buffer }
  | { readonly number: number; readonly kind: 'bytes'; readonly bytes: Buffer };

/** A message that ends early, or that has a wire type which proto3 does not know. */
export class WireError extends Error {}

/** The fields of one message, in their order. Format: protobuf.dev/programming-guides/encoding. @throws WireError */
export function* readFields(message: Buffer): Generator<WireField> {
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = message[at++];
      if (byte === undefined) throw new WireError('the message ends in the middle of a number');
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new WireError('a number is longer than 64 bits');
  };
  const take = (length: number): Buffer => {
    if (at + length > message.length) throw new WireError('the message ends in the middle of a field');
    at += length;
    return message.subarray(at - length, at);
  };
  while (at < message.length) {
    const tag = varint();
    const number = Number(tag >> 3n);
    switch (Number(tag & 7n)) {
      case 0:
        yield { number, kind: 'varint', value: varint() };
        break;
      case 1:
        yield { number, kind: 'fixed64', bytes: take(8) };
        break;
      case 2:
        yield { number, kind: 'bytes', bytes: take(Number(varint())) };
        break;
      case 5:
        yield { number, kind: 'fixed32', bytes: take(4) };
        break;
      default:
        throw new WireError(`field ${number} has an unknown wire type`);
    }
  }
}
