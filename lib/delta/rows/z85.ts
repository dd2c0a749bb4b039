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

/**
 * Undefined when the text is not Z85. A last block that begins with `#` stands for as many bytes less than four as it has
 * of them: delta-kernel's writers pad so, and no plain block can begin with the greatest digit.
 */
export function decodeZ85(text: string): Uint8Array | undefined {
  if (text.length % 5 !== 0) return undefined;
  const padding = /^#{1,3}/.exec(text.slice(-5))?.[0].length ?? 0;
  const bytes = new Uint8Array((text.length / 5) * 4 - padding);
  for (let block = 0; block < text.length / 5; block += 1) {
    const absent = (block + 1) * 5 === text.length ? padding : 0;
    let word = 0;
    for (let i = absent; i < 5; i += 1) {
      const digit = DIGITS.get(text.charAt(block * 5 + i));
      if (digit === undefined) return undefined;
      word = word * 85 + digit;
    }
    const size = 4 - absent;
    if (word >= 256 ** size) return undefined;
    for (let i = 0; i < size; i += 1) bytes[block * 4 + i] = (word / 2 ** (8 * (size - 1 - i))) & 255;
  }
  return bytes;
}
