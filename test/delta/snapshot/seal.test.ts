/** Seals: no byte of what we wrote changes unnoticed, and what other engines wrote is taken at its word. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../../lib/core/bytes.ts';
import { crc32 } from '../../../lib/core/crc32.ts';
import { parseLogEntry, serializeActions, serializeEntry } from '../../../lib/delta/actions/action-codec.ts';
import { checkSeal, seal } from '../../../lib/core/seal.ts';
import { add, METADATA, ownCommit, PROTOCOL } from '../log-support.ts';

const ACTIONS = [ownCommit(5), PROTOCOL, METADATA, add('f1', { tags: { 'lakefold.fileCrc32': '00000001' } })];
const PLACE = { path: 't/_delta_log/00000000000000000000.json', version: 0 };

describe('CRC-32', () => {
  it('is the one of the standard, however the bytes are cut', () => {
    expect(crc32(utf8('123456789'))).toBe(0xcbf43926);
    expect(crc32(utf8(''))).toBe(0);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(100), (bytes, at) => {
        expect(crc32(bytes.subarray(at), crc32(bytes.subarray(0, at)))).toBe(crc32(bytes));
      }),
    );
  });
});

describe('a sealed entry', () => {
  it('reads as what was written, with the seal among its tags', () => {
    const [info, ...rest] = parseLogEntry(serializeEntry(ACTIONS), PLACE);
    expect(rest).toEqual(ACTIONS.slice(1));
    expect(info).toEqual({ ...ownCommit(5), tags: { 'lakefold.crc32': expect.stringMatching(/^[0-9a-f]{8}$/) } });
  });

  it('is refused whichever byte of it changed', () => {
    const bytes = serializeEntry(ACTIONS);
    expect(checkSeal(bytes)).toBe('intact');
    const passed: string[] = [];
    for (let at = 0; at < bytes.length; at += 1) {
      for (const bit of [1, 0x10, 0x80]) {
        const changed = bytes.slice();
        changed[at] = (changed[at] ?? 0) ^ bit;
        // The mark itself is no exception: with one byte of it changed it is still known.
        if (checkSeal(changed) !== 'broken') passed.push(`byte ${at}`);
      }
    }
    expect(passed).toEqual([]);
  });

  it('says so with version and path', () => {
    const text = new TextDecoder().decode(serializeEntry(ACTIONS)).replace('"f1"', '"f2"');
    expect(() => parseLogEntry(utf8(text), PLACE)).toThrow(expect.objectContaining({ code: 'LOG_CORRUPT', context: { version: 0, path: PLACE.path } }));
  });

  it('is refused when it was cut at the end of a line', () => {
    const bytes = serializeEntry(ACTIONS);
    expect(checkSeal(bytes.subarray(0, bytes.lastIndexOf(0x0a, bytes.length - 2) + 1))).toBe('broken');
  });
});

describe('an entry without a seal', () => {
  it('has no mark, nor one of which two bytes are others', () => {
    const text = new TextDecoder().decode(serializeEntry(ACTIONS));
    expect([
      checkSeal(utf8(text.replace('"lakefold.crc32":"', '"lakefold.crc33":"'))),
      checkSeal(utf8(text.replace('"lakefold.crc32":"', '"lakefold.src33":"'))),
    ]).toEqual(['broken', 'absent']);
  });

  it('is taken at its word, whatever its other lines say', () => {
    const bytes = utf8(
      `{"commitInfo":{"operation":"\\"lakefold.crc32\\":\\"00000000"}}\n{"add":{"path":"f","size":1,"modificationTime":1,"tags":{"lakefold.crc32":"00000000"}}}\n`,
    );
    expect(checkSeal(bytes)).toBe('absent');
    expect(seal(bytes)).toEqual(bytes);
    expect(parseLogEntry(serializeActions(ACTIONS), PLACE)).toEqual(ACTIONS);
  });
});
