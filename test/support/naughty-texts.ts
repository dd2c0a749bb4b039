/** Texts that break programs, made from a seed: what ends texts, what looks equal and is not, what other languages take for their own. */

const SEEDS: readonly string[] = [
  '',
  ' ',
  ' both ends ',
  '\0',
  'a\0b',
  '\u0001\u0008\u000b\u001f\u007f',
  '\u0085\u009f',
  '\ufeffmark',
  '\u200b\u200d\u2060',
  '\u202eabc\u202c\u2066x\u2069',
  'مرحبا שלום',
  'e\u0301',
  '\u00e9',
  '\ufb01',
  'fi',
  '\u212b',
  'Å',
  'İıſß',
  'Z\u0351\u036b\u0343\u0363a\u0310\u0300lgo',
  '\u{1f468}\u200d\u{1f469}\u200d\u{1f467}',
  '\u{10ffff}',
  '\ufffe\uffff\u{1fffe}',
  '\ue000\u{f0000}',
  '\u2028\u2029',
  '\r',
  '\n',
  '\r\n',
  '\t',
  '"',
  '""',
  '","',
  "'",
  '\\',
  '\\"',
  '\\u0000',
  '\\x',
  '{"a":1}',
  '[1]',
  'null',
  'NULL',
  'NaN',
  '-0.0',
  'true',
  '1e309',
  '9007199254740993',
  '2001-02-30T00:00:00Z',
  "=cmd|' /C calc'!A0",
  '@SUM(1)',
  '+1',
  '-1',
  "'; DROP TABLE f; --",
  "' OR '1'='1",
  '${7*7}',
  '{{7*7}}',
  '`id`',
  '$(id)',
  '<script>alert(1)</script>',
  '&lt;',
  '%00',
  '%2F..%2F',
  '../../etc/passwd',
  '/dev/null',
  'C:\\con',
  '__HIVE_DEFAULT_PARTITION__',
  'k=v',
  '__proto__',
  'constructor',
  'hasOwnProperty',
  '_delta_log',
  '.hidden',
  'CON',
  '#fragment?query',
  `${'\u{10ffff}'.repeat(40)}`,
  `${'z'.repeat(31)}\u{1f600}`,
];

/** What is no text: half a pair. */
export const LONE_SURROGATES: readonly string[] = ['\ud800', 'a\udc00b', '\udfff\ud800'];

/** The seeds as they are, then pieces of them put together, up to `bytes` of UTF-8 in all; no two alike. */
export function naughtyTexts(bytes: number): readonly string[] {
  const texts = new Set(SEEDS);
  let left = bytes - [...texts].reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  for (let i = 1; left > 0; i += 1) {
    const pieces = i % 97 === 0 ? 4000 : 1 + (i % 211);
    let text = `${i}`;
    for (let p = 0; p < pieces; p += 1) text += SEEDS[(i * 31 + p * p * 7 + p) % SEEDS.length] ?? '';
    texts.add(text);
    left -= Buffer.byteLength(text);
  }
  return [...texts];
}
