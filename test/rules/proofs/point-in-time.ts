/** The point-in-time join (semantics §1). */
import type { Proof } from '../proof.ts';
import { vector } from './tests.ts';

const SQL = 'lib/engine/point-in-time.ts';
const KNOWN = 'lib/engine/known-as-of.ts';
const RESOLVE = 'lib/registry/resolve-view.ts';
const PLAN = 'lib/features/training/join-plan.ts';
const QUERY = 'lib/features/training/join-query.ts';
const SPINE = 'lib/features/training/spine.ts';
const FINISH = 'lib/features/training/finish-rows.ts';
const DATASETS_TEST = 'test/api/training-datasets.test.ts';
const JOINS_TEST = 'test/api/training-joins.test.ts';
const VERIFY_TEST = 'test/api/training-verify.test.ts';

export const POINT_IN_TIME: readonly Proof[] = [
  {
    rule: 'P1',
    promise: 'rows come out in the order they came in',
    test: vector('rows in input order'),
    change: { file: SQL, find: '\\nORDER BY s.${quoteName(spine.ordinal)}`', replace: '\\nORDER BY s.${quoteName(spine.ordinal)} DESC`' },
  },
  {
    rule: 'P1',
    promise: 'spine rows that are equal are as many rows of the set',
    test: vector('duplicate spine rows'),
    change: {
      file: SQL,
      find: 'FROM ${quoteName(spine.relation)} s\\n',
      replace: 'FROM (SELECT * FROM ${quoteName(spine.relation)} QUALIFY row_number() OVER (PARTITION BY ${quoteName(LABEL_MICROS)}) = 1) s\\n',
    },
  },
  {
    rule: 'P2',
    promise: 'a record of the very label time counts',
    test: vector('exact boundary'),
    change: { file: SQL, find: "join.boundary === 'inclusive' ? '>=' : '>'", replace: "'>'" },
  },
  {
    rule: 'P2',
    promise: 'boundary "exclusive" leaves it out',
    test: vector('exact boundary, exclusive'),
    change: { file: SQL, find: "join.boundary === 'inclusive' ? '>=' : '>'", replace: "'>='" },
  },
  {
    rule: 'P2',
    promise: 'rows of a group that is joined as well need a boundary that somebody chose',
    test: { file: JOINS_TEST, name: 'rows of a group that is joined, too (P2) > need a boundary that somebody chose' },
    change: { file: SPINE, find: 'if (join === undefined) return ref;', replace: 'return ref;' },
  },
  {
    rule: 'P3',
    promise: 'a record as old as the lookback counts',
    test: vector('lookback edge'),
    change: { file: SQL, find: '.__event < s.${quoteName(LABEL_MICROS)} -', replace: '.__event <= s.${quoteName(LABEL_MICROS)} -' },
  },
  {
    rule: 'P3',
    promise: 'the window begins at the label time, not before the delay',
    test: vector('lookback begins at the label time'),
    change: { file: SQL, find: '- ${join.lookbackMicros})`', replace: '- ${join.delayMicros} - ${join.lookbackMicros})`' },
  },
  {
    rule: 'P3',
    promise: 'the smaller of lookback and ttl holds',
    test: vector('ttl and a longer lookback'),
    change: { file: QUERY, find: 'return a < b ? a : b;', replace: 'return a;' },
  },
  {
    rule: 'P3',
    promise: 'a lookback shorter than the delay is refused',
    test: vector('lookback shorter than the delay'),
    change: { file: RESOLVE, find: 'delay !== undefined && lookback < delay)', replace: 'delay !== undefined && delay < 0n)' },
  },
  {
    rule: 'P4',
    promise: 'of records of one event time the one received last wins',
    test: vector('tie, append'),
    change: { file: SQL, find: '${quoteName(INGESTED_AT)} DESC NULLS LAST', replace: '${quoteName(INGESTED_AT)} ASC NULLS LAST' },
  },
  {
    rule: 'P4',
    promise: 'a tie makes one row, not two',
    test: {
      file: 'test/features/peer-faults-joins.test.ts',
      name: 'a join in time does not > multiply spine rows where two records tie (Feast SQL stores, #3360; Hopsworks RANK)',
    },
    change: { file: SQL, find: "if (join.ties.kind === 'none') return `${select}", replace: "if (join.ties.kind !== 'resolved') return `${select}" },
  },
  {
    rule: 'P5',
    promise: 'a null of the newest record stays null',
    test: vector('null feature'),
    change: {
      file: SQL,
      find: "'1 AS __found'].join(', ')} FROM ${untiedSql(join)}`",
      replace: "'1 AS __found'].join(', ')} FROM ${untiedSql(join)} WHERE ${quoteName(join.features[0]?.name ?? '')} IS NOT NULL`",
    },
  },
  {
    rule: 'P6',
    promise: 'a row deleted by the pinned commit is absent',
    test: vector('deleted record beside others of its file'),
    change: { file: 'lib/engine/plan-relation.ts', find: '...(deleted === undefined ? {} : { deleted }),', replace: '' },
  },
  {
    rule: 'P6',
    promise: 'an earlier pin has the world before the delete',
    test: vector('deleted record'),
    change: { file: PLAN, find: 'ref.asOf ?? asOfPin(pins[name], asOfTime)', replace: 'ref.asOf ?? asOfPin(undefined, asOfTime)' },
  },
  {
    rule: 'P7',
    promise: 'a spine row without key is kept, its features null',
    test: { file: DATASETS_TEST, name: 'a training dataset > keeps a spine row without a key or, where allowed, a label time (P7, P8)' },
    change: { file: SPINE, find: 'column.nullable || loose.has(column.name)', replace: 'column.nullable' },
  },
  {
    rule: 'P8',
    promise: 'a null label time is refused with its row',
    test: vector('null label time'),
    change: { file: SPINE, find: "if (invalid.length > 0 && onInvalidRow === 'error') {", replace: 'if (false) {' },
  },
  {
    rule: 'P8',
    promise: 'with onInvalidRow "null" the row is kept',
    test: vector('unparsable label time'),
    change: { file: SPINE, find: "if (invalid.length > 0 && onInvalidRow === 'error') {", replace: 'if (invalid.length > 0) {' },
  },
  {
    rule: 'P9',
    promise: 'a group without event time is refused unless the join says temporal: false',
    test: vector('no event time, not temporal false'),
    change: { file: RESOLVE, find: 'draft.temporal && group.eventTime === null)', replace: 'false && group.eventTime === null)' },
  },
  {
    rule: 'P9',
    promise: 'the set says that such a join is not point in time',
    test: {
      file: 'test/features/peer-faults-joins.test.ts',
      name: 'a view > does not leak the newest value of a group without event time unasked (Hopsworks)',
    },
    change: { file: PLAN, find: '.every((join) => join.temporal && group.eventTime !== undefined);', replace: '.every((join) => join.version > 0);' },
  },
  {
    rule: 'P10',
    promise: 'a part of a key is refused',
    test: vector('part of a key'),
    change: {
      file: RESOLVE,
      find: 'const covers = JSON.stringify(right) === JSON.stringify(group.primaryKey.toSorted());',
      replace: 'const covers = right.every((name) => group.primaryKey.includes(name));',
    },
  },
  {
    rule: 'P10',
    promise: 'every part of a composite key is compared',
    test: vector('composite keys'),
    change: { file: QUERY, find: 'on: group.keyColumns.map(', replace: 'on: group.keyColumns.slice(0, 1).map(' },
  },
  {
    rule: 'P11',
    promise: 'a key may be a feature picked at the same label time',
    test: vector('a key that is a feature'),
    change: { file: SQL, find: 'featureSql(source, key.join, key.feature)', replace: "'NULL'" },
  },
  {
    rule: 'P11',
    promise: 'three levels of joins at most',
    test: vector('four levels of joins'),
    change: { file: 'lib/registry/check-via.ts', find: 'const DEPTH_MAX = 3;', replace: 'const DEPTH_MAX = 4;' },
  },
  {
    rule: 'P11',
    promise: 'a circle is refused',
    test: vector('joins in a circle'),
    change: { file: 'lib/registry/check-via.ts', find: "faults.add(place, 'CYCLE',", replace: "void (place, 'CYCLE'," },
  },
  {
    rule: 'P12',
    promise: 'no join drops a row',
    test: vector('rows in input order'),
    change: {
      file: SQL,
      find: 'return `ASOF LEFT JOIN j${index} ON ${[...keys, `${label} - ',
      replace: 'return `ASOF JOIN j${index} ON ${[...keys, `${label} - ',
    },
  },
  {
    rule: 'P12',
    promise: 'dropMissing drops what is missing, counted',
    test: { file: DATASETS_TEST, name: 'a training dataset > tells by diagnostics why a value is what it is, and drops rows that miss something where asked' },
    change: { file: FINISH, find: 'if (!this.#input.request.dropMissing) return every;', replace: 'return every;' },
  },
  {
    rule: 'P13',
    promise: 'two outputs of one name are refused with a prefix to take',
    test: vector('two features of one name'),
    change: { file: 'lib/registry/output-names.ts', find: 'if (errors.length > 0)', replace: 'if (errors.length > 100)' },
  },
  {
    rule: 'P13',
    promise: 'a column of the spine counts among them',
    test: vector('a feature named like a spine column'),
    change: {
      file: 'lib/registry/output-names.ts',
      find: "...draft.spine.map((column) => ({ name: column.name, source: 'the spine', join: undefined })),",
      replace: '',
    },
  },
  {
    rule: 'P14',
    promise: 'a row received after the label time does not count',
    test: vector('late row, known as of the label time'),
    change: { file: KNOWN, find: "'__at' : `greatest(__event + ${rows.delayMicros}, __at)`", replace: "'__at' : `(__event + ${rows.delayMicros})`" },
  },
  {
    rule: 'P14',
    promise: 'a corrected row counts as it was',
    test: vector('corrected row, known as of the label time'),
    change: { file: KNOWN, find: 'if (known.history === undefined) return current;', replace: 'return current;' },
  },
  {
    rule: 'P14',
    promise: 'what was deleted stays deleted',
    test: vector('deleted and inserted again, known as of the label time'),
    change: { file: 'lib/features/training/replaced-rows.ts', find: 'if (!came.has(identity)) {', replace: 'if (false) {' },
  },
  {
    rule: 'P14',
    promise: 'of an instant the row received last by then counts',
    test: vector('corrected twice, known as of label times and of an instant'),
    change: { file: KNOWN, find: 'ORDER BY __at DESC) = 1`', replace: 'ORDER BY __at) = 1`' },
  },
  {
    rule: 'P14',
    promise: 'where that history is gone the set is refused',
    test: {
      file: JOINS_TEST,
      name: 'what was known (P14) > is refused where the history for it is gone, or taken for absent and counted where the request says so',
    },
    change: { file: 'lib/features/training/join-spine.ts', find: "if (expiredHistory === 'error')", replace: 'if (false)' },
  },
  {
    rule: 'P15',
    promise: 'records count from their event time plus the delay',
    test: vector('availability delay'),
    change: { file: SQL, find: '`${label} - ${join.delayMicros} ${comparison} j${index}.__event`', replace: '`${label} ${comparison} j${index}.__event`' },
  },
  {
    rule: 'P15',
    promise: 'a join may set a delay of its own',
    test: vector('availability delay of the join'),
    change: {
      file: QUERY,
      find: 'microsOf(definition.availabilityDelay ?? group.definition.availabilityDelay)',
      replace: 'microsOf(group.definition.availabilityDelay)',
    },
  },
  {
    rule: 'P16',
    promise: 'an int key meets a bigint key',
    test: vector('int spine key onto a bigint key'),
    change: { file: RESOLVE, find: "type === 'int' ? 'bigint' : type", replace: 'type' },
  },
  {
    rule: 'P16',
    promise: 'a string never meets a number',
    test: vector('string spine key onto a bigint key'),
    change: { file: RESOLVE, find: 'return family(a) === family(b);', replace: 'return family(a) === family(b) || true;' },
  },
  {
    rule: 'P17',
    promise: 'a record the filter is not true of is absent, and no older one stands in',
    test: vector('a filter is no second choice'),
    change: { file: SQL, find: 'if (join.filter !== undefined) conditions.push(', replace: 'if (false) conditions.push(' },
  },
  {
    rule: 'P18',
    promise: 'defaults stand before functions see the values',
    test: vector('defaults'),
    change: { file: FINISH, find: 'Number(column.status.values[i]) === PICKED ? valueAt(vector, i) : column.default)', replace: 'valueAt(vector, i))' },
  },
  {
    rule: 'P18',
    promise: 'transforms are fitted on the training split alone',
    test: {
      file: 'test/api/transforms.test.ts',
      name: 'model-dependent transforms (P18) > are fitted on the training split alone, with the population deviation and interpolated quantiles, and stored as exact numbers',
    },
    change: {
      file: 'lib/features/training/build-rows.ts',
      find: 'splits.find(({ name }) => name === TRAIN)?.batch ?? concatBatches',
      replace: 'concatBatches',
    },
  },
  {
    rule: 'P18',
    promise: 'null stays null but where it is filled',
    test: {
      file: 'test/api/transforms.test.ts',
      name: 'model-dependent transforms (P18) > turn every value of the files by what was fitted; null stays null but where it is filled, an unseen category is its declared unknown',
    },
    change: { file: 'lib/online/model-transform.ts', find: '(value) => (value === null ? null : apply(value))', replace: 'apply' },
  },
  {
    rule: 'P19',
    promise: 'the content hash is over the name and the canonical lines of each split',
    test: {
      file: DATASETS_TEST,
      name: 'a training dataset > has the same content hash whatever its format and however late it is made, and other hashes of other content (P19)',
    },
    change: { file: 'lib/features/training/dataset-files.ts', find: 'return `#${name}\\n`;', replace: "return '';" },
  },
  {
    rule: 'P19',
    promise: 'verifying builds the rows again and compares their hash',
    test: { file: VERIFY_TEST, name: 'verifying a training dataset > tells a hash that its rows do not have, and rows that were erased' },
    change: { file: 'lib/features/training/verify-dataset.ts', find: 'if (actual !== expected) return', replace: 'if (false) return' },
  },
  {
    rule: 'P19',
    promise: 'ttl and delay count as pinned',
    test: {
      file: VERIFY_TEST,
      name: "verifying a training dataset > finds it equal whatever became of the group's ttl and delay, which are pinned with it (P19)",
    },
    change: { file: 'lib/features/training/verify-dataset.ts', find: "ttl: textOf(pin?.['ttl']), availabilityDelay", replace: 'availabilityDelay' },
  },
  {
    rule: 'P20',
    promise: 'a group is joined by one as-of join, never each row against each record',
    test: {
      file: 'test/engine/point-in-time.test.ts',
      name: 'the plan of a point-in-time join > is one as-of join a group, and never each row against each record (P20)',
    },
    change: {
      file: SQL,
      find: 'return `ASOF LEFT JOIN j${index} ON ${[...keys, `${label} - ',
      replace: 'return `LEFT JOIN j${index} ON ${[...keys, `${label} - ',
    },
  },
];
