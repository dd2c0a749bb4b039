/** The fold of the log into the online store (semantics §2). */
import type { Proof } from '../proof.ts';
import { dynamoDbItem, onlineCase, publishing, storageRule, vector } from './tests.ts';

const RULES = 'lib/ports/online-rules.ts';
const ITEMS = 'lib/adapters/aws/dynamodb-online-items.ts';
const FOLD = 'lib/online/fold.ts';
const NEWEST = 'lib/online/newest-rows.ts';
const PUBLISH = 'lib/online/publish.ts';
const WATERMARK = 'lib/online/watermark.ts';
const CHANGES = 'lib/delta/changes/changes.ts';
const COMMIT = 'lib/delta/write/commit.ts';
const FOREIGN_TEST = 'test/api/foreign-commits.test.ts';
const GENERATIONS_TEST = 'test/api/generations.test.ts';
const ROWS_TEST = 'test/api/rows.test.ts';

export const FOLD_RULES: readonly Proof[] = [
  {
    rule: 'U1',
    promise: 'an older row never replaces a newer one',
    test: onlineCase('U1 replaces an older row and tells it from one that is stale'),
    change: { file: RULES, find: 'return isUnfenced && isNewer ? ', replace: 'return isUnfenced ? ' },
  },
  {
    rule: 'U1',
    promise: 'the fence keeps out what was committed before a later edit',
    test: onlineCase('U1 the fence keeps out the commits up to it, however new their rows, and no later one'),
    change: { file: RULES, find: 'return isUnfenced && isNewer ? ', replace: 'return isNewer ? ' },
  },
  {
    rule: 'U1',
    promise: 'the fence stays when a merge writes over it',
    test: onlineCase('U1 the fence stays when a merge writes over it'),
    change: { file: RULES, find: 'if (stored?.fence !== undefined) item.fence = stored.fence;', replace: '' },
  },
  {
    rule: 'U1',
    promise: 'a deleted mark gives way to any later row, however old its event',
    test: onlineCase('U1 takes any order over a deleted mark, and clears the mark'),
    change: {
      file: RULES,
      find: 'stored.deleted || stored.order === undefined || compareBytes(stored.order, row.order) < 0;',
      replace: '(stored.order !== undefined && compareBytes(stored.order, row.order) < 0);',
    },
  },
  {
    rule: 'U1',
    promise: 'DynamoDB is asked the same: fence and order',
    test: dynamoDbItem('merges a row by U1'),
    change: { file: ITEMS, find: '(attribute_exists(d) OR o < :o)', replace: '(o < :o)' },
  },
  {
    rule: 'U1',
    promise: 'DynamoDB is sent an update, so that the fence stays',
    test: dynamoDbItem('merges a row by U1'),
    change: { file: ITEMS, find: 'REMOVE d${row.expiresAt', replace: 'REMOVE d, f${row.expiresAt' },
  },
  {
    rule: 'U1',
    promise: 'a commit that removes rows is an edit',
    test: { file: 'test/api/foreign-commits.test.ts', name: 'a foreign delete > is an edit: what it leaves is served after :publish (U1, U7)' },
    change: { file: CHANGES, find: "changes.some((action) => action.kind === 'remove') ? 'edit' : 'merge'", replace: "'merge'" },
  },
  {
    rule: 'U2',
    promise: 'a row that is there already is a duplicate, not stale',
    test: onlineCase('U2 calls a row that is there already a duplicate, whichever commit or edit put it there'),
    change: { file: RULES, find: "bytesEqual(stored.order, row.order) ? 'duplicate' : 'stale'", replace: "false ? 'duplicate' : 'stale'" },
  },
  {
    rule: 'U2',
    promise: 'the counts of a commit add up to what was received',
    test: vector('the last row of a batch wins its record'),
    change: { file: 'lib/delta/write/upsert.ts', find: 'dedupedInBatch: deduped + (rows.dedupedBefore ?? 0),', replace: 'dedupedInBatch: 0,' },
  },
  {
    rule: 'U2',
    promise: 'a row received earlier than the one in the table is stale and not added',
    test: vector('upsert, received 1 commits after received 2'),
    change: {
      file: 'lib/delta/write/upsert.ts',
      find: 'if (theirs > own || (theirs === own && known.get(position) === true)) stale.add(row);',
      replace: 'if (theirs < own) stale.add(-1);',
    },
  },
  {
    rule: 'U2',
    promise: 'what could not be written is counted and holds the watermark back',
    test: publishing('publish > does not move the watermark past rows that were not written, nor past those they hid (U2, U6)'),
    change: { file: FOLD, find: "if (outcome === 'failed') blockedFrom = Math.min(blockedFrom, candidate.firstCommit);", replace: '' },
  },
  {
    rule: 'U3',
    promise: "of a batch each key's newest row alone is written",
    test: publishing('publish > writes order, commit, payload and expiry of the newest row per key only (U1, U3, T3)'),
    change: { file: NEWEST, find: 'if (compareRanked(row, best) > 0) byToken.set(token, row);', replace: 'byToken.set(token, best);' },
  },
  {
    rule: 'U4',
    promise: 'without event time the row received last counts',
    test: publishing('publish > folds a group without event time by when rows were received (U4)'),
    change: {
      file: 'lib/online/fold-group.ts',
      find: 'eventTime: group.eventTime === undefined ? () => 0n :',
      replace: 'eventTime: group.eventTime === undefined ? () => 1n :',
    },
  },
  {
    rule: 'U5',
    promise: 'a row replaces the whole row: an omitted column is null, online too',
    test: vector('a row replaces the whole row'),
    change: {
      file: 'lib/online/payload-encode.ts',
      find: 'if (column.isNull(index)) markNull(bytes, HEADER_BYTES, position);',
      replace: 'if (false) return bytes;',
    },
  },
  {
    rule: 'U5',
    promise: 'or its default',
    test: vector('an omitted column takes its default'),
    change: { file: 'lib/features/ingest/row-objects.ts', find: 'const fallback = column.default ?? null;', replace: 'const fallback = null;' },
  },
  {
    rule: 'U6',
    promise: 'a merge goes ahead of the watermark unless an edit lies between',
    test: publishing('publish of the commit just made > does not go ahead of an edit (U6)'),
    change: { file: PUBLISH, find: "if (between.some((commit) => commit.kind === 'edit')) return;", replace: '' },
  },
  {
    rule: 'U6',
    promise: 'an edit is applied in its turn, and nothing after it before',
    test: publishing('planPass > takes merges up to the first edit, without those applied ahead (U6)'),
    change: { file: PUBLISH, find: "return { kind: 'edit', commit };\n      break;", replace: "return { kind: 'edit', commit };\n      continue;" },
  },
  {
    rule: 'U6',
    promise: 'the watermark never passes a gap',
    test: { file: 'test/online/watermark.test.ts', name: 'advance (U6) > moves as far as there is no gap and keeps the rest ahead, ascending' },
    change: { file: WATERMARK, find: 'while (applied.has(version + 1)) version += 1;', replace: 'version = Math.max(version, ...applied);' },
  },
  {
    rule: 'U6',
    promise: 'at most 64 versions are ahead',
    test: { file: 'test/online/watermark.test.ts', name: 'advance (U6) > remembers the 64 nearest versions ahead' },
    change: { file: WATERMARK, find: '.slice(0, WATERMARK_AHEAD_MAX);', replace: ';' },
  },
  {
    rule: 'U6',
    promise: 'the watermark moves only from where the mover saw it',
    test: onlineCase('U6 moves only from where the mover saw it: version, versions ahead and table'),
    change: { file: RULES, find: 'stored.version === expected.version &&', replace: 'stored.version >= expected.version &&' },
  },
  {
    rule: 'U6',
    promise: 'DynamoDB is asked the same',
    test: dynamoDbItem('moves the watermark by U6'),
    change: { file: ITEMS, find: "let condition = 'attribute_not_exists(n)';", replace: "let condition = 'attribute_not_exists(q)';" },
  },
  {
    rule: 'U6',
    promise: 'whatever order publishers apply commits in, the end is the newest row at the head',
    test: {
      file: 'test/property/fold.test.ts',
      name: 'the fold (semantics §2) > ends equal to the newest row per key at the head, whatever three publishers do (U1, U3, U6, U7)',
      onEmulators: 'test/emulators/fold.test.ts',
    },
    change: {
      file: PUBLISH,
      find: "if (commit.version === position.version + 1) return { kind: 'edit', commit };",
      replace: "return { kind: 'edit', commit };",
    },
  },
  {
    rule: 'U7',
    promise: 'an edit leaves the newest row that remains at its version',
    test: publishing('publish > gives a key touched by an edit the newest row left at that version, not at the head (U7)'),
    change: {
      file: FOLD,
      find: 'target.source.rowsAt(commit.version, [...keys.values()])',
      replace: 'target.source.rowsAt(commit.version + 1, [...keys.values()])',
    },
  },
  {
    rule: 'U7',
    promise: 'where nothing remains a mark without event time is left',
    test: onlineCase('U7 leaves a mark without order, payload and expiry where nothing is left'),
    change: {
      file: RULES,
      find: '{ commit: version, fence: version, deleted: row === undefined }',
      replace: '{ commit: version, fence: version, deleted: false }',
    },
  },
  {
    rule: 'U7',
    promise: 'an edit after a later commit or edit is refused',
    test: onlineCase('U7 refuses an edit after a later commit, and not after its own version'),
    change: { file: RULES, find: 'return isUnfenced && isLatest ? ', replace: 'return isUnfenced ? ' },
  },
  {
    rule: 'U7',
    promise: 'DynamoDB is asked the same',
    test: dynamoDbItem('edits a key by U7'),
    change: { file: ITEMS, find: '(attribute_not_exists(c) OR c <= :c)', replace: '(attribute_not_exists(c) OR c < :c)' },
  },
  {
    rule: 'U7',
    promise: 'a late write of a deleted row fails on the fence',
    test: vector('a write that lands after the delete that followed it'),
    change: { file: RULES, find: 'const item: ItemUnderWay = { commit: version, fence: version,', replace: 'const item: ItemUnderWay = { commit: version,' },
  },
  {
    rule: 'U8',
    promise: 'packing files publishes nothing, and the watermark moves past it',
    test: storageRule('U8 packing files publishes nothing but moves the watermark'),
    change: { file: PUBLISH, find: "pass.kind === 'edit' ? applied.done : [...applied.done, ...pass.covered]", replace: 'applied.done' },
  },
  {
    rule: 'U8',
    promise: 'so it does past any commit without rows',
    test: publishing('publish > publishes nothing for commits without rows but moves past them (U8)'),
    change: { file: PUBLISH, find: "pass.kind === 'edit' ? applied.done : [...applied.done, ...pass.covered]", replace: 'applied.done' },
  },
  {
    rule: 'U9',
    promise: 'a repeated request is the original commit',
    test: { file: ROWS_TEST, name: 'an idempotency key > makes a repeat the original commit, its counts and all (U9)' },
    change: { file: COMMIT, find: "if (appliedAt !== undefined) return { kind: 'stop'", replace: "if (false) return { kind: 'stop'" },
  },
  {
    rule: 'U9',
    promise: 'to whichever process it is repeated, online too',
    test: storageRule('U9 a repeat to another process is the original commit, and another body under its key is refused'),
    change: { file: COMMIT, find: "if (appliedAt !== undefined) return { kind: 'stop'", replace: "if (false) return { kind: 'stop'" },
  },
  {
    rule: 'U9',
    promise: 'the key of another request is refused',
    test: { file: ROWS_TEST, name: 'an idempotency key > used for other rows is refused, and nothing is written' },
    change: { file: 'lib/features/ingest/settle.ts', find: 'original !== undefined && original.bodyHash !== idempotency.bodyHash', replace: 'false' },
  },
  {
    rule: 'U9',
    promise: 'a stream takes each sequence once, for ever',
    test: { file: ROWS_TEST, name: 'an idempotency stream > takes each sequence number once, in order, for ever (U9)' },
    change: { file: 'lib/features/ingest/settle.ts', find: 'return txn.version === stream.sequence ? entry : undefined;', replace: 'return undefined;' },
  },
  {
    rule: 'U10',
    promise: 'a row too large for an item is refused before anything is written',
    test: { file: 'test/api/bad-input.test.ts', name: 'a faulty row > too large for the online store is refused before anything is written (U10)' },
    change: { file: 'lib/features/ingest/row-size.ts', find: 'if (bytes > ONLINE_PAYLOAD_BYTES_MAX)', replace: 'if (false)' },
  },
  {
    rule: 'U11',
    promise: 'a load writes whatever is there: only a generation that nobody uses is loaded',
    test: onlineCase('U11 loads rows over whatever is there, without fence, expiry included'),
    change: {
      file: 'lib/adapters/memory/online-store.ts',
      find: "this.#write(table, row.key, () => ({ kind: 'applied', item: loadedItem(row) }));",
      replace: 'this.#write(table, row.key, (stored) => this.#rules.decideMerge(stored, row));',
    },
  },
  {
    rule: 'U11',
    promise: 'one conditional write makes the loaded generation current',
    test: { file: GENERATIONS_TEST, name: 'publish {rebuild: true} > loads every value into the next generation and switches to it' },
    change: { file: 'lib/registry/generations.ts', find: 'generation: found.generation,', replace: 'generation: group.generation,' },
  },
  {
    rule: 'U11',
    promise: 'other shards store every key again',
    test: { file: GENERATIONS_TEST, name: 'a definition that asks for other online values > with other shards stores every key again (U11)' },
    change: { file: 'lib/registry/generations.ts', find: ' before.onlineShards !== after.onlineShards ||', replace: '' },
  },
  {
    rule: 'U12',
    promise: 'a row beyond now and the allowed skew is refused',
    test: vector('a row beyond now'),
    change: { file: 'lib/features/ingest/validate-rows.ts', find: 'if (micros <= eventTimeMax || isNullAt(vector, row)) continue;', replace: 'continue;' },
  },
  {
    rule: 'U12',
    promise: 'the skew is inclusive and may be switched off',
    test: { file: 'test/features/validate-rows.test.ts', name: 'row checks > refuse the future beyond the skew, inclusive, unless it is unchecked (U12)' },
    change: { file: 'lib/features/ingest/validate-rows.ts', find: 'if (micros <= eventTimeMax ||', replace: 'if (micros < eventTimeMax ||' },
  },
  {
    rule: 'U13',
    promise: 'rows without key or event time are skipped and counted',
    test: publishing('publish > skips rows without key or event time, counts them invalid and goes on (U13)'),
    change: { file: NEWEST, find: 'invalid += 1;', replace: '' },
  },
  {
    rule: 'U13',
    promise: 'a foreign row of the far future is folded, and raises the alarm',
    test: publishing('publish > folds a row beyond now + maxFutureSkew and raises the alarm (U12, U13)'),
    change: { file: FOLD, find: 'row.eventTime > now + group.maxFutureSkew) future += 1;', replace: 'row.eventTime > now + group.maxFutureSkew) future += 0;' },
  },
  {
    rule: 'U13',
    promise: 'what no read can see goes to quarantine, once however often it is published',
    test: { file: FOREIGN_TEST, name: 'are put in quarantine as they stand, once however often they are published' },
    change: { file: 'lib/features/quality/quarantine-foreign.ts', find: 'await setAsideOnce(deps, group, { version, rows });', replace: '' },
  },
];
