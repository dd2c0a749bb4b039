/**
 * The order of records of one entity (semantics §0): event time, then when it was received, then content.
 * Order bytes compare as bytes exactly as records do.
 */
import { concatBytes } from './bytes.ts';
import { ordered64 } from './keys.ts';

export const ORDER_BYTES = 24;

/** 24 bytes: event time µs (0 without event time), `_ingested_at` µs, row digest. */
export function orderBytes(eventTime: bigint | null, ingestedAt: bigint, digest: Uint8Array): Uint8Array {
  return concatBytes([ordered64(eventTime ?? 0n), ordered64(ingestedAt), digest]);
}

/** Event time and receipt of order bytes. */
export function parseOrder(order: Uint8Array): { readonly eventTime: bigint; readonly ingestedAt: bigint; readonly digest: Uint8Array } {
  const view = new DataView(order.buffer, order.byteOffset, order.byteLength);
  const signed = (offset: number): bigint => BigInt.asIntN(64, view.getBigUint64(offset) ^ (1n << 63n));
  return { eventTime: signed(0), ingestedAt: signed(8), digest: order.subarray(16, 24) };
}
