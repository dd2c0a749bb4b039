/** Logs that are broken by hand: each answers its code, or reads as it stands; none reads as other rows. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../../lib/core/bytes.ts';
import { isLakefoldError, LakefoldError } from '../../../lib/core/errors.ts';
import { objectPath } from '../../../lib/core/path.ts';
import { checkpointPath, commitPath, lastCheckpointPath } from '../../../lib/delta/snapshot/log-path.ts';
import { loadSnapshot } from '../../../lib/delta/snapshot/snapshot.ts';
import { pathsIn, rowsBatch, T_ROOT, tableFixture, type TableFixture } from '../../support/table-fixture.ts';
import { wrappedStore } from '../../support/wrapped-store.ts';
import { add, BROKEN_LOGS, type Files, ndjson } from '../../support/broken-logs.ts';
import { emptyLog, type LogFixture } from '../log-support.ts';

async function logOf(files: Files): Promise<LogFixture> {
  const fixture = emptyLog();
  for (const [file, text] of Object.entries(files)) await fixture.store.overwrite(objectPath(`t/_delta_log/${file}`), utf8(text));
  return fixture;
}

/** The files of the head, or the code. */
async function answer(files: Files): Promise<unknown> {
  const fixture = await logOf(files);
  try {
    const snapshot = await loadSnapshot(fixture, 't');
    return [snapshot.version, ...[...snapshot.files.keys()].toSorted()];
  } catch (error) {
    return error instanceof LakefoldError ? error.code : error;
  }
}

describe('a broken log', () => {
  it.each(BROKEN_LOGS)('with %s answers its code, or the files it has', async (_, files, expected) => {
    const found = await answer(files);
    if (expected === 'either') expect(Array.isArray(found) || typeof found === 'string', String(found)).toBe(true);
    else expect(found).toEqual(expected);
  });
});

async function busyTable(): Promise<TableFixture> {
  const fixture = await tableFixture({ partitionBy: ['v'] });
  for (let i = 1; i <= 13; i += 1) {
    await fixture.table.upsert(rowsBatch([`k${i % 4}`, i % 3, BigInt(i)], [`n${i}`, 1, BigInt(i)]), { keys: ['k'] });
    if (i === 5 || i === 10) await fixture.table.checkpoint();
    if (i === 13) await fixture.table.maintainLog({ rest: 'compact' });
  }
  return fixture;
}

describe('any byte of the log', () => {
  it('may change, be lost or be cut away: rows are equal, or the answer is an error that says so', async () => {
    const fixture = await busyTable();
    const { store, rows } = fixture;
    const whole = await rows();
    const files = (await pathsIn(store, `${T_ROOT}/_delta_log/`)).map((path) => objectPath(path));
    const damage = fc.record({
      file: fc.nat(files.length - 1),
      at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      kind: fc.constantFrom('flip', 'cut', 'zero', 'insert', 'drop'),
      bit: fc.nat(7),
    });
    await fc.assert(
      fc.asyncProperty(damage, async ({ file, at, kind, bit }) => {
        const path = files[file] ?? checkpointPath(T_ROOT, 10);
        const before = (await store.get(path))?.bytes ?? new Uint8Array();
        const position = Math.floor(at * before.length);
        const changed = before.slice();
        if (kind === 'flip') changed[position] = (changed[position] ?? 0) ^ (1 << bit);
        if (kind === 'zero') changed.fill(0, position, position + 8);
        const bytes =
          kind === 'cut'
            ? before.slice(0, position)
            : kind === 'insert'
              ? new Uint8Array([...before.slice(0, position), 32 + bit, ...before.slice(position)])
              : kind === 'drop'
                ? new Uint8Array([...before.slice(0, position), ...before.slice(position + 1)])
                : changed;
        await store.overwrite(path, bytes);
        try {
          expect(await rows()).toEqual(whole);
        } catch (error) {
          if (!isLakefoldError(error)) throw error;
          expect(['corrupt', 'unsupported', 'expired', 'not_found']).toContain(error.kind);
        } finally {
          await store.overwrite(path, before);
        }
      }),
      { numRuns: 600 },
    );
  });

  it('may be gone with its file', async () => {
    const fixture = await busyTable();
    const { store, rows } = fixture;
    const whole = await rows();
    const answers: string[] = [];
    for (const path of (await pathsIn(store, `${T_ROOT}/_delta_log/`)).map((each) => objectPath(each))) {
      // Without its newest commit a table is what it was before.
      if (path === commitPath(T_ROOT, 13)) continue;
      const before = (await store.get(path))?.bytes ?? new Uint8Array();
      await store.delete(path);
      try {
        expect(await rows()).toEqual(whole);
      } catch (error) {
        if (!isLakefoldError(error)) throw error;
        answers.push(`${path.slice(-10)} ${error.code}`);
      }
      await store.overwrite(path, before);
    }
    // A checkpoint stands for what is before it, a compaction for what is in it.
    expect(answers).toEqual([]);
  });
});

describe('a broken log of 10,000 commits', () => {
  it('is refused after reading no more than it must', async () => {
    const fixture = await busyTable();
    const calls: string[] = [];
    const store = wrappedStore(fixture.store, {
      get: async (path, options) => {
        calls.push(path);
        return fixture.store.get(path, options);
      },
    });
    await fixture.store.overwrite(commitPath(T_ROOT, 10_000), utf8(ndjson(add('far'))));
    await expect(loadSnapshot({ ...fixture.deps, store }, T_ROOT)).rejects.toMatchObject({
      code: 'LOG_GAP',
      context: { version: 14 },
    });
    expect(calls).toEqual([lastCheckpointPath(T_ROOT)]);
  });
});
