/** Deletes and time to live (semantics §3, §4). */
import type { Proof } from '../proof.ts';
import { dynamoDbItem, lookingUp, onlineCase, publishing, storageRule, vector } from './tests.ts';

const HISTORY_TEST = 'test/api/history.test.ts';
const ERASE_TEST = 'test/api/erase.test.ts';
const TTL_TEST = 'test/api/ttl.test.ts';
const DELETE = 'lib/features/history/parse-delete.ts';
const GROUP = 'lib/online/fold-group.ts';

export const DELETES: readonly Proof[] = [
  {
    rule: 'D1',
    promise: 'a key alone takes out every record of the entity',
    test: { file: HISTORY_TEST, name: 'rows:delete > takes out every record of an entity by its key, and counts keys without rows (D1, D4)' },
    change: { file: DELETE, find: '{ columns: keyNames, rows: entities }', replace: '{ columns: keyNames, rows: entities.slice(1) }' },
  },
  {
    rule: 'D1',
    promise: 'a key with an event time takes out that record alone',
    test: { file: HISTORY_TEST, name: 'rows:delete > takes out one record by its key and event time, and the one before is served again (D1, U7)' },
    change: { file: DELETE, find: 'if (eventTime === undefined) entities.push(values);', replace: 'if (values.length > 0) entities.push(values);' },
  },
  {
    rule: 'D2',
    promise: 'a later commit with an older event appears after a delete',
    test: vector('an older record appears after a delete'),
    change: {
      file: 'lib/ports/online-rules.ts',
      find: 'stored.deleted || stored.order === undefined || compareBytes(stored.order, row.order) < 0;',
      replace: '(stored.order !== undefined && compareBytes(stored.order, row.order) < 0);',
    },
  },
  {
    rule: 'D2',
    promise: 'on files and LMDB, S3 and DynamoDB',
    test: storageRule('D1 D2 a deleted entity leaves a mark without event time, and an older event appears after it'),
    change: {
      file: 'lib/ports/online-rules.ts',
      find: 'if (row === undefined) return item;',
      replace: 'if (row === undefined) return { ...item, order: new Uint8Array(24) };',
    },
  },
  {
    rule: 'D2',
    promise: 'the mark has no event time',
    test: onlineCase('U7 leaves a mark without order, payload and expiry where nothing is left'),
    change: {
      file: 'lib/ports/online-rules.ts',
      find: 'if (row === undefined) return item;',
      replace: 'if (row === undefined) return { ...item, order: new Uint8Array(24) };',
    },
  },
  {
    rule: 'D2',
    promise: 'nor has it on DynamoDB',
    test: dynamoDbItem('edits a key by U7'),
    change: { file: 'lib/adapters/aws/dynamodb-online-items.ts', find: 'f = :c REMOVE o, v, x', replace: 'f = :c REMOVE v, x' },
  },
  {
    rule: 'D3',
    promise: 'history before an erasure answers 410',
    test: { file: ERASE_TEST, name: 'rows:erase > leaves the other rows, offline and online, and ends the history before it' },
    change: { file: 'lib/features/erase/erase-rows.ts', find: 'await purgeTableHistory(deps, group.table, request.what, ended.version);', replace: '' },
  },
  {
    rule: 'D3',
    promise: 'rows of an erased key from before the erasure are refused',
    test: { file: ERASE_TEST, name: 'rows:erase > refuses rows of the key from before the erasure, and takes those from after it (ERASED_KEY)' },
    change: {
      file: 'lib/features/erase/erased-keys.ts',
      find: 'if (erasedAt === undefined || microsOf(at) > erasedAt) return undefined;',
      replace: 'return undefined;',
    },
  },
  {
    rule: 'D3',
    promise: 'rows from after it are taken',
    test: { file: ERASE_TEST, name: 'rows:erase > refuses rows of the key from before the erasure, and takes those from after it (ERASED_KEY)' },
    change: {
      file: 'lib/features/erase/erased-keys.ts',
      find: 'if (erasedAt === undefined || microsOf(at) > erasedAt) return undefined;',
      replace: 'if (erasedAt === undefined) return undefined;',
    },
  },
  {
    rule: 'D4',
    promise: 'deleting what is not there is a success that counts it',
    test: vector('a delete of what is not there'),
    change: {
      file: 'lib/features/history/manage-rows.ts',
      find: 'commit, notFound: facts?.notFound ?? notFound, online };',
      replace: 'commit, notFound: 0, online };',
    },
  },
  {
    rule: 'T1',
    promise: "training, batch data and vectors go by the group's one ttl",
    test: {
      file: TTL_TEST,
      name: 'a record older than its group and join allow > is EXPIRED or not by the one ttl of the group, in training, batch data and vectors (T1)',
    },
    change: {
      file: 'lib/features/training/join-query.ts',
      find: 'smaller(microsOf(definition.lookback), microsOf(group.definition.ttl))',
      replace: 'microsOf(definition.lookback)',
    },
  },
  {
    rule: 'T1',
    promise: 'so does what is looked up',
    test: {
      file: TTL_TEST,
      name: 'a record older than its group and join allow > is EXPIRED or not by the one ttl of the group, in training, batch data and vectors (T1)',
    },
    change: {
      file: 'lib/online/view-plan.ts',
      find: 'visibleFor: shorter(join.lookback, definition.ttl),',
      replace: 'visibleFor: shorter(join.lookback, null),',
    },
  },
  {
    rule: 'T2',
    promise: 'online a record is seen to the end of its window, inclusive',
    test: lookingUp('vectors (semantics §10) > sees a record up to min(lookback, ttl) of its age, inclusive, then says EXPIRED with its event time (T2)'),
    change: { file: 'lib/online/join-records.ts', find: 'input.now - eventTime > join.visibleFor', replace: 'input.now - eventTime >= join.visibleFor' },
  },
  {
    rule: 'T2',
    promise: 'training and vectors see the same window',
    test: {
      file: TTL_TEST,
      name: 'a record older than its group and join allow > is seen to the very end of the window, and is EXPIRED behind it, in training as online (T2)',
    },
    change: { file: 'lib/engine/point-in-time.ts', find: '.__event < s.${quoteName(LABEL_MICROS)} -', replace: '.__event <= s.${quoteName(LABEL_MICROS)} -' },
  },
  {
    rule: 'T2',
    promise: "a join's lookback holds online too",
    test: vector('lookback edge online'),
    change: { file: 'lib/online/join-records.ts', find: 'if (eventTime !== undefined && join.visibleFor !== undefined &&', replace: 'if (false &&' },
  },
  {
    rule: 'T3',
    promise: 'the store may collect an item seven days after it expired, rounded up',
    test: { file: 'test/online/fold-group.test.ts', name: 'time to live > is kept by the store for seven days of grace, rounded up to the second (T3)' },
    change: { file: GROUP, find: 'eventTime + group.ttl + BigInt(EXPIRY_GRACE_SECONDS) * 1_000_000n', replace: 'eventTime + group.ttl' },
  },
  {
    rule: 'T3',
    promise: 'and is read until then as EXPIRED',
    test: storageRule('T2 T3 a record is seen to the end of its ttl, then EXPIRED, and its item may go seven days later'),
    change: { file: GROUP, find: 'eventTime + group.ttl + BigInt(EXPIRY_GRACE_SECONDS) * 1_000_000n', replace: 'eventTime + group.ttl' },
  },
  {
    rule: 'T3',
    promise: 'a fence is never collected',
    test: publishing('publish > writes a deleted mark where only an expired row is left, so that its fence is never collected (T3, U7)'),
    change: {
      file: 'lib/online/fold.ts',
      find: 'if (input.row === undefined || isExpired(group, input.row.eventTime, input.now)) return gone;',
      replace: 'if (input.row === undefined) return gone;',
    },
  },
  {
    rule: 'T4',
    promise: 'a shorter ttl holds at once',
    test: { file: TTL_TEST, name: 'a record older than its group and join allow > is EXPIRED at once where the ttl is made shorter (T4)' },
    change: { file: 'lib/online/join-records.ts', find: 'if (eventTime !== undefined && join.visibleFor !== undefined &&', replace: 'if (false &&' },
  },
  {
    rule: 'T4',
    promise: 'a longer ttl holds at once offline',
    test: { file: TTL_TEST, name: 'a record older than its group and join allow > is back at once offline where the ttl is made longer (T4)' },
    change: { file: 'lib/features/training/join-query.ts', find: 'microsOf(group.definition.ttl))', replace: "duration('P7D'))" },
  },
  {
    rule: 'T4',
    promise: 'and online through a load',
    test: {
      file: 'test/api/generations.test.ts',
      name: 'a definition that asks for other online values > with a longer ttl brings back records that were past the shorter one (T4)',
    },
    change: { file: 'lib/registry/generations.ts', find: '|| isLonger(after.ttl, before.ttl)', replace: '' },
  },
  {
    rule: 'T5',
    promise: 'a row expired on arrival is kept offline, not online, and counted',
    test: { file: TTL_TEST, name: 'a record older than its group and join allow > that is expired on arrival is kept offline, not online, and counted (T5)' },
    change: {
      file: 'lib/online/fold.ts',
      find: 'if (isExpired(target.group, row.eventTime, now)) tally.expired += 1;',
      replace: 'if (false) tally.expired += 1;',
    },
  },
  {
    rule: 'T6',
    promise: 'a ttl without event time is refused',
    test: { file: 'test/registry/parse-group.test.ts', name: 'a feature group in JSON > is refused for a ttl without event time (T6)' },
    change: { file: 'lib/registry/parse-group.ts', find: 'if (ttl !== null && eventTime === null)', replace: 'if (false)' },
  },
  {
    rule: 'T7',
    promise: "versions stay readable for the group's retention, and no longer",
    test: { file: HISTORY_TEST, name: ":optimize and :vacuum > keep versions for the group's retention, and no longer (T7)" },
    change: {
      file: 'lib/features/history/manage-rows.ts',
      find: 'duration(options.retention ?? group.definition.retention)',
      replace: "duration(options.retention ?? 'P7D')",
    },
  },
  {
    rule: 'T7',
    promise: 'a retention below seven days is refused',
    test: { file: 'test/registry/parse-group.test.ts', name: 'a feature group in JSON > is refused for a retention below a week (T7)' },
    change: { file: 'lib/registry/parse-group.ts', find: '(micros(value) ?? RETENTION_MIN) < RETENTION_MIN', replace: '(micros(value) ?? RETENTION_MIN) < 0n' },
  },
];
