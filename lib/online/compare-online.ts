/**
 * Online values held against their table: every key that differs, and healing them while they are served.
 *
 * A scan is no snapshot, so it only tells which keys to look at; each of those is then judged at one version, with nothing published
 * in between.
 */
import { batchOfRows } from '../core/batch.ts';
import { bytesEqual } from '../core/bytes.ts';
import { rowDigest } from '../core/canonical.ts';
import { LakefoldError } from '../core/errors.ts';
import { decodeKey, type EntityKey } from '../core/keys.ts';
import { VERIFY_HEAL_ROUNDS_MAX, VERIFY_JUDGED_KEYS } from '../core/limits.ts';
import { parseOrder } from '../core/order.ts';
import type { Clock } from '../ports/clock.ts';
import { isSamePosition } from '../ports/online-rules.ts';
import type { RequestOptions } from '../ports/object-store.ts';
import type { OnlineHeal, OnlineItem, OnlineStore, OnlineTable } from '../ports/online-store.ts';
import { storable } from './fold.ts';
import { bindFoldRows, isExpired, type FoldGroup } from './fold-group.ts';
import type { FoldSource } from './fold-source.ts';
import { newestInParts, type NewestRow } from './newest-parts.ts';
import { newestRows, orderOf } from './newest-rows.ts';
import { compilePayloadReader, type PayloadColumns } from './payload.ts';

export type DifferenceCode = 'MISSING_ONLINE' | 'EXTRA_ONLINE' | 'VALUE_DIFFERS' | 'ORDER_DIFFERS';

export interface CompareDeps {
  readonly online: OnlineStore;
  readonly clock: Pick<Clock, 'nowMicros'>;
}

export interface CompareInput {
  readonly table: OnlineTable;
  readonly source: FoldSource;
  readonly group: FoldGroup;
  /** Schemas that payloads may have been written by, the newest last. */
  readonly schemas: readonly PayloadColumns[];
}

export interface Difference {
  readonly key: EntityKey;
  readonly code: DifferenceCode;
  readonly version: number;
}

/** What one look at the table brings beside the keys to judge. */
export interface Looked {
  readonly suspects: readonly EntityKey[];
  readonly keysCompared: number;
  readonly invalid: number;
  /** Keys whose newest row lies beyond now + maxFutureSkew (U12). */
  readonly future: readonly EntityKey[];
}

/** Keys whose item may be another than the table's row at `version`, part by part; none is left out. */
export async function* findSuspects(
  deps: CompareDeps,
  input: CompareInput & { readonly version: number },
  options: RequestOptions = {},
): AsyncIterable<Looked> {
  const { group } = input;
  const now = deps.clock.nowMicros();
  const latest = group.maxFutureSkew === undefined ? undefined : now + group.maxFutureSkew;
  for await (const part of newestInParts(input)) {
    const rest = new Map(part.rows);
    const suspects: EntityKey[] = [];
    let keysCompared = 0;
    for await (const page of pagesOf(deps.online.scan(input.table, options))) {
      const tokens = tokensOf(
        group,
        page.map(({ key }) => key),
      );
      page.forEach(({ key, item }, i) => {
        const token = tokens[i];
        // Not a key of this group's type: it can't be of the table.
        if (token === undefined) {
          if (part.has('')) suspects.push(key);
          return;
        }
        if (!part.has(token)) return;
        keysCompared += 1;
        if (!isSame(group, { row: rest.get(token), item, now, samePayload: bytesEqual })) suspects.push(key);
        rest.delete(token);
      });
    }
    for (const row of rest.values()) {
      if (row.stored === undefined) continue;
      keysCompared += 1;
      if (!isExpired(group, row.eventTime, now)) suspects.push(row.stored.key);
    }
    const future =
      latest === undefined ? [] : [...part.rows.values()].flatMap(({ eventTime, stored }) => (eventTime > latest && stored !== undefined ? [stored.key] : []));
    yield { suspects, keysCompared, invalid: part.invalid, future };
  }
}

interface Judgement {
  readonly key: EntityKey;
  readonly code: DifferenceCode;
  readonly seen: OnlineItem | undefined;
  readonly row: NewestRow | undefined;
}

interface Judged {
  readonly differing: readonly Judgement[];
  /** Told by their items to be of commits after the version: rightly, where there are such commits. */
  readonly ahead: readonly Judgement[];
}

/** Those of `keys` that differ at the watermark, judged while it stands still; at most `VERIFY_JUDGED_KEYS` keys. */
export async function judgeKeys(
  deps: CompareDeps,
  input: CompareInput,
  keys: readonly EntityKey[],
  options: RequestOptions = {},
): Promise<readonly Difference[]> {
  let left = keys;
  const found: Difference[] = [];
  for (let round = 0; round < VERIFY_HEAL_ROUNDS_MAX && left.length > 0; round += 1) {
    const before = await deps.online.watermark(input.table, { ...options, consistent: true });
    const judged = await judgeAt(deps, input, { keys: left, version: before?.version ?? -1 }, options);
    const after = await deps.online.watermark(input.table, { ...options, consistent: true });
    if (!isSamePosition(after, before)) continue;
    const version = before?.version ?? -1;
    const head = await input.source.head();
    const isOfNoCommit = ({ seen }: Judgement): boolean => latestOf(seen) > head;
    found.push(...[...judged.differing, ...judged.ahead.filter(isOfNoCommit)].map(({ key, code }) => ({ key, code, version })));
    // Applied ahead of the watermark: judged once it has come as far.
    left = judged.ahead.filter((each) => !isOfNoCommit(each)).map(({ key }) => key);
  }
  return found;
}

/** Items that were written over. */
export interface Healed {
  readonly written: number;
  /** With a mark that the table has no row of the key. */
  readonly deleted: number;
}

/**
 * Writes what the table has at its head over the items of `keys` that differ, each only as it was seen, until nothing was committed
 * meanwhile: a commit that met the wrong item is looked at again.
 * @throws LakefoldError STORE_THROTTLED when the store refuses, or commits never pause
 */
export async function healKeys(deps: CompareDeps, input: CompareInput, keys: readonly EntityKey[], options: RequestOptions = {}): Promise<Healed> {
  let [written, deleted] = [0, 0];
  for (let round = 0; round < VERIFY_HEAL_ROUNDS_MAX; round += 1) {
    const version = await input.source.head();
    const { differing, ahead } = await judgeAt(deps, input, { keys, version }, options);
    const isHead = (await input.source.head()) === version;
    const heals = [...differing, ...(isHead ? ahead : [])].map((each) => healOf(input.group, each, { version, now: deps.clock.nowMicros() }));
    const outcomes = await deps.online.heal(input.table, heals, options);
    const applied = heals.filter((_, i) => outcomes[i] === 'applied');
    written += applied.filter(({ row }) => row !== undefined).length;
    deleted += applied.filter(({ row }) => row === undefined).length;
    if (isHead && applied.length === heals.length && (await input.source.head()) === version) return { written, deleted };
  }
  throw new LakefoldError(
    'STORE_THROTTLED',
    `expected to heal ${keys.length} keys of ${input.table.featureGroup}/${input.table.version} within ${VERIFY_HEAL_ROUNDS_MAX} rounds, found commits or refusals in each`,
  );
}

function healOf(group: FoldGroup, { key, row, seen }: Judgement, at: { readonly version: number; readonly now: bigint }): OnlineHeal {
  const gone = { key, version: at.version, seen };
  const stored = row === undefined || isExpired(group, row.eventTime, at.now) ? undefined : row.stored;
  if (stored === undefined) return gone;
  const { order, payload, expiresAt } = stored;
  return { ...gone, row: { order, payload, ...(expiresAt === undefined ? {} : { expiresAt }) } };
}

function latestOf(item: OnlineItem | undefined): number {
  return item === undefined ? -1 : Math.max(item.commit, item.fence ?? -1);
}

async function judgeAt(
  deps: CompareDeps,
  input: CompareInput,
  { keys, version }: { readonly keys: readonly EntityKey[]; readonly version: number },
  options: RequestOptions,
): Promise<Judged> {
  const { group, table } = input;
  const tokens = tokensOf(group, keys);
  const wanted = new Set(tokens);
  const known = keys.filter((_, i) => tokens[i] !== undefined);
  // A table of which nothing is published has no rows yet.
  const newest =
    version < 0 || known.length === 0
      ? undefined
      : await newestRows({ group, batches: input.source.rowsAt(version, known), ingestedAtDefault: 0n, tokens: wanted });
  const { items } = await deps.online.read({ items: keys.map((key) => ({ table, key })), watermarks: [] }, { ...options, consistent: true });
  const samePayload = payloadsEqual(input);
  const now = deps.clock.nowMicros();
  const ahead: Judgement[] = [];
  const differing = keys.flatMap((key, i): readonly Judgement[] => {
    const read = items[i];
    if (read === undefined || read.kind === 'failed')
      throw new LakefoldError(
        'STORE_UNAVAILABLE',
        `expected the items of ${keys.length} keys of ${table.featureGroup}/${table.version}, found some unreadable`,
      );
    const item = read.kind === 'item' ? read.item : undefined;
    const ranked = newest?.byToken.get(tokens[i] ?? '');
    const row = ranked === undefined ? undefined : { eventTime: ranked.eventTime, order: orderOf(ranked), stored: storable(group, ranked) };
    if (isSame(group, { row, item, now, samePayload })) return [];
    const judgement = { key, seen: item, row, code: codeOf(group, { row, item, now }) };
    if (latestOf(item) <= version) return [judgement];
    ahead.push(judgement);
    return [];
  });
  return { differing, ahead };
}

interface Pair {
  readonly row: NewestRow | undefined;
  readonly item: OnlineItem | undefined;
  readonly now: bigint;
}

/** T3: an expired record may be there or not. */
function isSame(group: FoldGroup, { row, item, now, samePayload }: Pair & { readonly samePayload: (a: Uint8Array, b: Uint8Array) => boolean }): boolean {
  const live = item?.order === undefined || item.deleted || item.payload === undefined ? undefined : { order: item.order, payload: item.payload };
  if (row !== undefined && row.stored === undefined) return true;
  if (row?.stored === undefined) return live === undefined;
  if (isExpired(group, row.eventTime, now)) return live === undefined || isExpired(group, parseOrder(live.order).eventTime, now);
  return live !== undefined && bytesEqual(live.order, row.order) && samePayload(live.payload, row.stored.payload);
}

function codeOf(group: FoldGroup, { row, item, now }: Pair): DifferenceCode {
  if (row === undefined) return 'EXTRA_ONLINE';
  if (item?.order === undefined || item.deleted) return 'MISSING_ONLINE';
  return bytesEqual(item.order, row.order) && !isExpired(group, row.eventTime, now) ? 'VALUE_DIFFERS' : 'ORDER_DIFFERS';
}

/** Payloads of other schemas hold the same where they are read as the same. */
function payloadsEqual({ group, schemas }: CompareInput): (a: Uint8Array, b: Uint8Array) => boolean {
  const read = compilePayloadReader(schemas, group.features);
  return (a, b) => {
    if (bytesEqual(a, b)) return true;
    const [left, right] = [read(a), read(b)];
    return left.kind === 'values' && right.kind === 'values' && bytesEqual(rowDigest(group.features, left.values), rowDigest(group.features, right.values));
  };
}

/** Undefined for bytes that are no key of this group. */
function tokensOf(group: FoldGroup, keys: readonly EntityKey[]): readonly (string | undefined)[] {
  const types = group.keyColumns.map(({ type }) => type);
  const decoded = keys.map((key) => {
    try {
      return decodeKey(types, key);
    } catch {
      return undefined;
    }
  });
  const nullKey = types.map(() => null);
  const rows = bindFoldRows(
    group,
    batchOfRows(
      group.keyColumns,
      decoded.map((values) => values ?? nullKey),
    ),
    { ingestedAtDefault: 0n },
  );
  return decoded.map((values, i) => (values === undefined ? undefined : rows.token(i)));
}

async function* pagesOf<T>(items: AsyncIterable<T>): AsyncIterable<readonly T[]> {
  let page: T[] = [];
  for await (const item of items) {
    page.push(item);
    if (page.length < VERIFY_JUDGED_KEYS) continue;
    yield page;
    page = [];
  }
  if (page.length > 0) yield page;
}
