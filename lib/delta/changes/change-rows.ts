/**
 * What one commit did to single rows, from the rows it took out and those it brought in: a row written again as it was
 * did not change, and a row out and a row in of one identity are the two images of an update.
 */
import { type Batch, takeRows, valueAt, vectorNamed } from '../../core/batch.ts';
import { toHex } from '../../core/bytes.ts';
import { LakefoldError } from '../../core/errors.ts';
import { CHANGE_IDENTITIES_MAX } from '../../core/limits.ts';
import { INGESTED_AT } from '../../core/names.ts';
import type { FileRows } from '../rows/read.ts';
import { type IdentityOf, identityOver } from '../rows/row-identity.ts';
import { contentDigest } from '../write/upsert.ts';

type ChangeType = 'insert' | 'update_preimage' | 'update_postimage' | 'delete';

/** `types[i]` is what happened to row i: one of four words, but change files of other writers keep what stands there. */
export interface ChangedRows {
  readonly batch: Batch;
  readonly types: readonly string[];
}

type Rows = () => AsyncIterable<FileRows>;

/** Both sides of a commit; each may be read more than once. */
export interface ChangeSides {
  readonly gone: Rows;
  readonly came: Rows;
}

/** How rows out and rows in belong together. */
export type Pairing =
  /** Each row out came back changed. */
  | { readonly kind: 'all' }
  /** Rows of equal values in these columns. */
  | { readonly kind: 'identity'; readonly columns: readonly string[] }
  | { readonly kind: 'none' };

/** Removals and preimages first. @throws LakefoldError PLAN_TOO_LARGE when more rows would have to be paired than memory is set aside for */
export async function* pairChanges({ gone, came }: ChangeSides, pairing: Pairing): AsyncIterable<ChangedRows> {
  if (pairing.kind !== 'identity') {
    yield* labelled(gone, pairing.kind === 'all' ? 'update_preimage' : 'delete');
    yield* labelled(came, pairing.kind === 'all' ? 'update_postimage' : 'insert');
    return;
  }
  const { columns } = pairing;
  const newest = await greatestPerIdentity(came, columns);
  const replaced = newest.size === 0 ? newest : await greatestPerIdentity(gone, columns, newest);
  yield* labelledBy(gone, columns, { images: replaced, image: 'update_preimage', other: 'delete' });
  const images = new Map([...newest].filter(([identity]) => replaced.has(identity)));
  yield* labelledBy(came, columns, { images, image: 'update_postimage', other: 'insert' });
}

/** The sides without the rows of `carried`, which were written again as they were. */
export async function withoutCarried(sides: ChangeSides, carried: Rows): Promise<ChangeSides> {
  const counts = await contentCounts(carried);
  return { ...sides, gone: () => without(sides.gone, counts) };
}

/** The sides without the rows that are on both: those of files another engine wrote again. */
export async function withoutUnchanged(sides: ChangeSides): Promise<ChangeSides> {
  const came = await contentCounts(sides.came);
  const both = new Map<string, number>();
  for await (const { batch } of sides.gone()) {
    const digestOf = digestOver(batch);
    for (let i = 0; i < batch.rowCount; i += 1) {
      const digest = digestOf(i);
      const shared = both.get(digest) ?? 0;
      if (shared < (came.get(digest) ?? 0)) both.set(digest, shared + 1);
    }
  }
  return { gone: () => without(sides.gone, both), came: () => without(sides.came, both) };
}

async function contentCounts(rows: Rows): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for await (const { batch } of rows()) {
    const digestOf = digestOver(batch);
    for (let i = 0; i < batch.rowCount; i += 1) {
      const digest = digestOf(i);
      counts.set(digest, (counts.get(digest) ?? 0) + 1);
    }
    refuseAbove(counts.size);
  }
  return counts;
}

async function* without(rows: Rows, counts: ReadonlyMap<string, number>): AsyncIterable<FileRows> {
  const left = new Map(counts);
  for await (const { batch, positions } of rows()) {
    const digestOf = digestOver(batch);
    const kept: number[] = [];
    for (let i = 0; i < batch.rowCount; i += 1) {
      const digest = digestOf(i);
      const unchanged = left.get(digest) ?? 0;
      if (unchanged === 0) kept.push(i);
      else left.set(digest, unchanged - 1);
    }
    if (kept.length > 0) yield { batch: takeRows(batch, kept), positions: Uint32Array.from(kept, (i) => positions[i] ?? 0) };
  }
}

/** Place of the row received last, by identity; only of identities in `among`, where given. Rows with a null identity have none. */
async function greatestPerIdentity(rows: Rows, columns: readonly string[], among?: ReadonlyMap<string, string>): Promise<Map<string, string>> {
  const greatest = new Map<string, string>();
  for await (const { batch } of rows()) {
    const identityOf = identityOver(batch, columns);
    const orderOf = receiptOrder(batch);
    for (let i = 0; i < batch.rowCount; i += 1) {
      const identity = identityOf(i);
      if (identity === undefined || (among !== undefined && !among.has(identity))) continue;
      const order = orderOf(i);
      const known = greatest.get(identity);
      if (known === undefined || order > known) greatest.set(identity, order);
    }
    refuseAbove(greatest.size);
  }
  return greatest;
}

async function* labelled(rows: Rows, type: ChangeType): AsyncIterable<ChangedRows> {
  for await (const { batch } of rows()) yield { batch, types: Array.from({ length: batch.rowCount }, () => type) };
}

async function* labelledBy(
  rows: Rows,
  columns: readonly string[],
  { images, image, other }: { readonly images: ReadonlyMap<string, string>; readonly image: ChangeType; readonly other: ChangeType },
): AsyncIterable<ChangedRows> {
  const open = new Map(images);
  for await (const { batch } of rows()) {
    const identityOf: IdentityOf = open.size === 0 ? () => undefined : identityOver(batch, columns);
    const orderOf = receiptOrder(batch);
    const types = Array.from({ length: batch.rowCount }, (_, i): ChangeType => {
      const identity = identityOf(i);
      if (identity === undefined || !open.has(identity) || open.get(identity) !== orderOf(i)) return other;
      // Of rows that are equal in everything one is the image.
      open.delete(identity);
      return image;
    });
    yield { batch, types };
  }
}

/** Text whose order is that of records (semantics §0): receipt, then content. */
function receiptOrder(batch: Batch): (index: number) => string {
  const receipts = batch.columns.some(({ name }) => name === INGESTED_AT) ? vectorNamed(batch, INGESTED_AT) : undefined;
  const digestOf = digestOver(batch);
  return (index) => {
    const receipt = receipts === undefined ? null : valueAt(receipts, index);
    const text = typeof receipt === 'bigint' ? (receipt + RECEIPT_OFFSET).toString().padStart(RECEIPT_DIGITS, '0') : '';
    return `${text}${digestOf(index)}`;
  };
}

/** Makes every instant of an int64 a text of equal length and order. */
const RECEIPT_OFFSET = 2n ** 63n;
const RECEIPT_DIGITS = 20;

function digestOver(batch: Batch): (index: number) => string {
  const columns = batch.columns.filter(({ name }) => name !== INGESTED_AT);
  return (index) => toHex(contentDigest(batch, index, columns));
}

function refuseAbove(rows: number): void {
  if (rows <= CHANGE_IDENTITIES_MAX) return;
  throw new LakefoldError('PLAN_TOO_LARGE', `expected a commit that replaces at most ${CHANGE_IDENTITIES_MAX} rows, found one of ${rows} and more`, {
    context: { estimate: rows, budget: CHANGE_IDENTITIES_MAX, alternative: 'read the versions before and after it, and compare them' },
  });
}
