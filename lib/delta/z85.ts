/** Z85 (ZeroMQ RFC 32): four bytes, big-endian, as five printable characters. */

const ALPHABET = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#';

const DIGITS = new Map(Array.from(ALPHABET, (character, digit) => [character, digit] as const));

/** Bytes beyond a multiple of four are padded with zeros; the reader trims by the length it knows. */
export function encodeZ85(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 4) {
    let word = ((bytes[i] ?? 0) * 0x1000000 + ((bytes[i + 1] ?? 0) << 16) + ((bytes[i + 2] ?? 0) << 8) + (bytes[i + 3] ?? 0)) >>> 0;
    let block = '';
    for (let digit = 0; digit < 5; digit += 1) {
      block = ALPHABET.charAt(word % 85) + block;
      word = Math.floor(word / 85);
    }
    text += block;
  }
  return text;
}

/** Undefined when the text is not Z85. */
export function decodeZ85(text: string): Uint8Array | undefined {
  if (text.length % 5 !== 0) return undefined;
  const bytes = new Uint8Array((text.length / 5) * 4);
  for (let block = 0; block < text.length / 5; block += 1) {
    let word = 0;
    for (let i = 0; i < 5; i += 1) {
      const digit = DIGITS.get(text.charAt(block * 5 + i));
      if (digit === undefined) return undefined;
      word = word * 85 + digit;
    }
    if (word > 0xffffffff) return undefined;
    for (let i = 0; i < 4; i += 1) bytes[block * 4 + i] = (word / 2 ** (24 - 8 * i)) & 255;
  }
  return bytes;
}
