/** The mark of a vacuum, byte for byte (`_lakefold/vacuum.json`): goes red when the layout changes. */
import { expect, it } from 'vitest';
import { decodeUtf8, utf8 } from '../../lib/core/bytes.ts';
import { objectPath } from '../../lib/core/path.ts';
import { parseVacuumMark } from '../../lib/delta/maintain/vacuum-mark.ts';
import { rowsBatch, T_ROOT, tableFixture } from '../support/table-fixture.ts';

const MARK = '{"lakefold.crc32":"ed852278","format":1,"tableId":"7d1165c4-4930-4a6d-97cc-4b34a88bc231","through":2,"oldestReadable":2}';

it('the mark of a vacuum has its layout', async () => {
  const { table, store, clock } = await tableFixture();
  await table.append(rowsBatch(['a', 1, 1n]));
  await table.overwrite(rowsBatch(['b', 2, 2n]));
  await clock.advance(8 * 24 * 3_600_000);
  await table.vacuum({ retentionMillis: 7 * 24 * 3_600_000, dryRun: false });
  const stored = await store.get(objectPath(`${T_ROOT}/_lakefold/vacuum.json`));
  expect(decodeUtf8(stored?.bytes ?? new Uint8Array())).toBe(MARK);
  expect(parseVacuumMark(utf8(MARK))).toEqual({ tableId: '7d1165c4-4930-4a6d-97cc-4b34a88bc231', through: 2, oldestReadable: 2 });
});
