/** Malformed JSON and naughty strings: each is refused with a typed error or comes through unharmed. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { rowsOf } from '../../lib/core/batch.ts';
import { canonicalRow } from '../../lib/core/canonical.ts';
import { LakefoldError } from '../../lib/core/errors.ts';
import { parseJson, stringifyJson } from '../../lib/core/json.ts';
import { hasLoneSurrogate } from '../../lib/core/bytes.ts';
import type { Column } from '../../lib/core/types.ts';
import { parseJsonFast } from '../../lib/features/ingest/fast-json.ts';
import { parseRows, type RowsBody } from '../../lib/features/ingest/parse-rows.ts';
import { createNdjsonCodec } from '../../lib/parquet/ndjson-codec.ts';

const corpora = resolve(import.meta.dirname, '../../../shared/corpora');
const parsing = join(corpora, 'json-test-suite/test_parsing');
const naughty = join(corpora, 'naughty-strings/blns.json');
const isThere = existsSync(parsing) && existsSync(naughty);
const files = isThere ? readdirSync(parsing).filter((name) => name.endsWith('.json')) : [];
const strings: readonly string[] = isThere ? (JSON.parse(readFileSync(naughty, 'utf8')) as string[]) : [];

/** `y_` files that are JSON by its grammar and refused on purpose. */
const REFUSED: Readonly<Record<string, string>> = {
  'y_object_duplicated_key.json': 'DUPLICATE_KEY',
  'y_object_duplicated_key_and_value.json': 'DUPLICATE_KEY',
};

const outcomeOf = (run: () => unknown): string => {
  try {
    stringifyJson(run());
    return 'read';
  } catch (error) {
    return error instanceof LakefoldError ? error.code : String(error);
  }
};

describe.skipIf(!isThere)(isThere ? 'the JSON test suite' : `the JSON test suite: SKIPPED, ${corpora} is not there`, () => {
  it('finds the files', () => {
    expect(files.length).toBe(318);
  });

  it.each(files)('%s', (name) => {
    const bytes = new Uint8Array(readFileSync(join(parsing, name)));
    for (const outcome of [outcomeOf(() => parseJson(bytes)), outcomeOf(() => parseJsonFast(bytes))]) {
      if (name.startsWith('y_')) expect(outcome).toBe(REFUSED[name] ?? 'read');
      else if (name.startsWith('n_')) expect(outcome).toBe('MALFORMED_JSON');
      else expect(['read', 'MALFORMED_JSON']).toContain(outcome);
    }
  });

  it('as a body of rows gives typed errors only', async () => {
    const columns: readonly Column[] = [{ name: 'a', type: { kind: 'string' }, nullable: true }];
    for (const name of files) {
      const body = new Uint8Array(readFileSync(join(parsing, name)));
      for (const format of ['json', 'ndjson', 'csv'] as const) {
        const outcome = await parseRows({ codec: createNdjsonCodec() }, { format, body }, { columns }).then(
          () => 'read',
          (error: unknown) => (error instanceof LakefoldError ? error.kind : `${name} ${String(error)}`),
        );
        expect(['read', 'invalid']).toContain(outcome);
      }
    }
  });
});

describe.skipIf(!isThere)(isThere ? 'naughty strings' : `naughty strings: SKIPPED, ${corpora} is not there`, () => {
  const columns: readonly Column[] = [{ name: 's', type: { kind: 'string' }, nullable: false }];
  const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;
  const read = async (body: RowsBody): Promise<{ readonly values: readonly unknown[]; readonly faults: readonly unknown[] }> => {
    const { batch, faults } = await parseRows({ codec: createNdjsonCodec() }, body, { columns });
    return { values: rowsOf(batch).flat(), faults: faults.list() };
  };

  it('come through every format unharmed', async () => {
    expect(strings.length).toBeGreaterThan(500);
    expect(strings.filter(hasLoneSurrogate)).toEqual([]);
    const expected = { values: strings, faults: [] };
    const lines = strings.map((text) => canonicalRow(columns, [text]));
    expect(await read({ format: 'objects', rows: strings.map((s) => ({ s })) })).toEqual(expected);
    expect(await read({ format: 'ndjson', body: new TextEncoder().encode(lines.join('\n')) })).toEqual(expected);
    expect(await read({ format: 'json', body: `{"rows":[${lines.join(',')}]}` })).toEqual(expected);
    expect(await read({ format: 'csv', body: `s\n${strings.map(quoted).join('\n')}\n` })).toEqual(expected);
  });

  it('are no numbers, times or flags', async () => {
    for (const kind of ['int', 'boolean', 'timestamp', 'date'] as const) {
      const { faults } = await parseRows(
        { codec: createNdjsonCodec() },
        { format: 'objects', rows: strings.map((s) => ({ s })) },
        { columns: [{ name: 's', type: { kind }, nullable: true }] },
      );
      expect(faults.faultyRows).toBe(strings.length);
    }
  });
});
