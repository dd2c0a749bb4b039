/** A reader of TFRecord files of `tf.train.Example` after their published descriptions, sharing no code with the writer. */

/** Values of each feature by its name: text, 32-bit floats or 64-bit integers. */
export type Example = Readonly<Record<string, readonly (string | number | bigint)[]>>;

/** @throws Error when a checksum or a length is wrong */
export function readTfRecords(file: Uint8Array): readonly Example[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const examples: Example[] = [];
  for (let at = 0; at < file.length;) {
    const length = Number(view.getBigUint64(at, true));
    checkCrc(file.subarray(at, at + 8), view.getUint32(at + 8, true));
    const message = file.subarray(at + 12, at + 12 + length);
    checkCrc(message, view.getUint32(at + 12 + length, true));
    examples.push(exampleOf(message));
    at += length + 16;
  }
  return examples;
}

function exampleOf(message: Uint8Array): Example {
  const [features = new Uint8Array()] = fieldsOf(message).get(1) ?? [];
  return Object.fromEntries(
    (fieldsOf(features).get(1) ?? []).map((entry) => {
      const members = fieldsOf(entry);
      const [name = new Uint8Array()] = members.get(1) ?? [];
      const [feature = new Uint8Array()] = members.get(2) ?? [];
      return [new TextDecoder().decode(name), valuesOf(feature)] as const;
    }),
  );
}

function valuesOf(feature: Uint8Array): readonly (string | number | bigint)[] {
  const [[kind, [list = new Uint8Array()] = []] = [0, []]] = fieldsOf(feature);
  const values = fieldsOf(list).get(1) ?? [];
  if (kind === 1) return values.map((value) => new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(value));
  const [packed = new Uint8Array()] = values;
  if (kind === 2) return Array.from({ length: packed.length / 4 }, (_, i) => new DataView(packed.buffer, packed.byteOffset).getFloat32(i * 4, true));
  const integers: bigint[] = [];
  for (let at = 0; at < packed.length;) {
    const [value, next] = varint(packed, at);
    integers.push(BigInt.asIntN(64, value));
    at = next;
  }
  return integers;
}

/** Length-delimited fields by number; Example has no others. */
function fieldsOf(message: Uint8Array): Map<number, Uint8Array[]> {
  const fields = new Map<number, Uint8Array[]>();
  for (let at = 0; at < message.length;) {
    const [tag, afterTag] = varint(message, at);
    if ((tag & 7n) !== 2n) throw new Error(`expected a length-delimited field, found wire type ${tag & 7n}`);
    const [length, start] = varint(message, afterTag);
    const end = start + Number(length);
    if (end > message.length) throw new Error(`expected a field that ends by ${message.length}, found one to ${end}`);
    const number = Number(tag >> 3n);
    fields.set(number, [...(fields.get(number) ?? []), message.subarray(start, end)]);
    at = end;
  }
  return fields;
}

function varint(bytes: Uint8Array, start: number): readonly [value: bigint, next: number] {
  let value = 0n;
  for (let at = start, shift = 0n; ; at += 1, shift += 7n) {
    const byte = BigInt(bytes[at] ?? 0);
    value |= (byte & 127n) << shift;
    if (byte < 128n) return [value, at + 1];
  }
}

function checkCrc(bytes: Uint8Array, masked: number): void {
  const rotated = (masked - 0xa282ead8) >>> 0;
  const stored = ((rotated >>> 17) | (rotated << 15)) >>> 0;
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  if ((crc ^ 0xffffffff) >>> 0 !== stored) throw new Error('expected the checksum of the bytes, found another');
}
