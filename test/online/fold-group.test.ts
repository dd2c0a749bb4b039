import { describe, expect, it } from 'vitest';
import { batchOfRows, type Row } from '../../lib/core/batch.ts';
import { toHex } from '../../lib/core/bytes.ts';
import { encodeKey } from '../../lib/core/keys.ts';
import { parseType, type Column } from '../../lib/core/types.ts';
import { bindFoldRows, compileFoldGroup, expiryOf, isExpired } from '../../lib/online/fold-group.ts';
import { duration } from '../../lib/core/time.ts';

const column = (name: string, type: string): Column => ({ name, type: parseType(type), nullable: true });
const FEATURE = column('v', 'bigint');

function bind(keyColumns: readonly Column[], given: { readonly columns: readonly Column[]; readonly rows: readonly Row[]; readonly eventTime?: Column }) {
  const group = compileFoldGroup({ keyColumns, features: [FEATURE], fingerprint: '0000000000000000', eventTime: given.eventTime });
  return bindFoldRows(group, batchOfRows(given.columns, given.rows), { ingestedAtDefault: 99n });
}

describe('bindFoldRows', () => {
  it("keeps ('1','23') and ('12','3') apart", () => {
    const columns = [column('a', 'string'), column('b', 'string')];
    const rows = bind(columns, {
      columns,
      rows: [
        ['1', '23'],
        ['12', '3'],
        ['1', '23'],
        [null, 'x'],
      ],
    });
    expect(new Set([0, 1, 2].map(rows.token)).size).toBe(2);
    expect(rows.token(3)).toBeUndefined();
    expect(toHex(rows.key(0) ?? new Uint8Array())).toBe(
      toHex(
        encodeKey(
          columns.map(({ type }) => type),
          ['1', '23'],
        ),
      ),
    );
  });

  it('reads columns by name, raised: an int key, a narrower feature and a missing receipt', () => {
    const rows = bind([column('k', 'bigint')], { columns: [column('v', 'int'), column('k', 'int')], rows: [[7, 5]] });
    expect([rows.token(0), toHex(rows.key(0) ?? new Uint8Array()), rows.eventTime(0), rows.ingestedAt(0)]).toEqual(['5', '018000000000000005', 0n, 99n]);
    expect(toHex(rows.payload(0))).toBe('01' + '0000000000000000' + '00' + '0700000000000000');
  });

  it('gives a global entity one key', () => {
    const rows = bind([], { columns: [FEATURE], rows: [[1n], [2n]] });
    expect([rows.token(0), rows.token(1), toHex(rows.key(0) ?? new Uint8Array())]).toEqual(['', '', '07']);
  });

  it('takes a date as midnight UTC, and no instant outside the years 0001 to 9999', () => {
    const day = column('d', 'date');
    const rows = bind([], { columns: [day], rows: [[1], [2_932_897], [null]], eventTime: day });
    expect([0, 1, 2].map(rows.eventTime)).toEqual([86_400_000_000n, undefined, undefined]);
  });

  it('refuses a column of a type that does not widen', () => {
    const key = column('k', 'int');
    expect(() => bind([key], { columns: [column('k', 'string')], rows: [['x']] })).toThrow(expect.objectContaining({ code: 'SCHEMA_DRIFT' }));
  });
});

describe('time to live', () => {
  const group = compileFoldGroup({ keyColumns: [], features: [], fingerprint: '0000000000000000', ttl: duration('PT1S') });

  it('ends after the last instant at which a row may be seen (T2)', () => {
    expect([isExpired(group, 5n, 1_000_005n), isExpired(group, 5n, 1_000_006n)]).toEqual([false, true]);
  });

  it('is kept by the store for seven days of grace, rounded up to the second (T3)', () => {
    expect([expiryOf(group, 0n), expiryOf(group, 1n), expiryOf({ ...group, ttl: undefined }, 0n)]).toEqual([1 + 604_800, 2 + 604_800, undefined]);
  });
});
