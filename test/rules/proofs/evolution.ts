/** Schema evolution (semantics §6), a rule for each row of its table, and what stands below it. */
import type { Proof } from '../proof.ts';

const COMPARE = 'lib/registry/compare-definitions.ts';
const TABLE = 'test/api/evolution.test.ts';
const PATCH = 'test/api/edit-definitions.test.ts';

export const EVOLUTION: readonly Proof[] = [
  {
    rule: 'E1',
    promise: 'a nullable column is added in place',
    test: { file: TABLE, name: 'apply (§6) > changes in place: add nullable column' },
    change: { file: COMPARE, find: "verdict: column.nullable ? 'in place' : 'new version',", replace: "verdict: 'new version'," },
  },
  {
    rule: 'E1',
    promise: 'a default fills rows that omit it from then on, older rows stay null',
    test: { file: PATCH, name: 'PATCH of a feature group > fills rows that omit a column with its default from then on, and leaves older rows null (§6)' },
    change: {
      file: 'lib/features/ingest/received-rows.ts',
      find: "...(fallback?.kind === 'value' && fallback.value !== null ? { default: fallback.value } : {}),",
      replace: '',
    },
  },
  {
    rule: 'E2',
    promise: 'a wider type is a rewrite: files and bytes told, done when asked for',
    test: { file: TABLE, name: 'apply (§6) > writes files again: int → bigint' },
    change: { file: COMPARE, find: "? 'rewrite' : 'new version';", replace: "? 'in place' : 'new version';" },
  },
  {
    rule: 'E2',
    promise: 'int → double is one, too',
    test: { file: TABLE, name: 'apply (§6) > writes files again: int → double' },
    change: { file: COMPARE, find: "(to.kind === 'bigint' || to.kind === 'double')", replace: "to.kind === 'bigint'" },
  },
  {
    rule: 'E3',
    promise: 'required → nullable in place',
    test: { file: TABLE, name: 'apply (§6) > changes in place: required → nullable' },
    change: { file: COMPARE, find: 'if (before.nullable && !after.nullable)', replace: 'if (before.nullable !== after.nullable)' },
  },
  {
    rule: 'E4',
    promise: 'settings change in place, as metadata',
    test: { file: TABLE, name: 'apply (§6) > changes in place: retention' },
    change: { file: COMPARE, find: "  'retention',\n", replace: '' },
  },
  {
    rule: 'E5',
    promise: 'nullable → required is a new version',
    test: { file: TABLE, name: 'apply (§6) > wants a new version: nullable → required' },
    change: { file: COMPARE, find: "if (before.nullable && !after.nullable) return 'new version';", replace: '' },
  },
  {
    rule: 'E5',
    promise: 'bigint → double is a new version, for it loses digits',
    test: { file: TABLE, name: 'apply (§6) > shows a bigint column as a double as a new version, and a widened one as nothing to do' },
    change: { file: COMPARE, find: "(from.kind === 'int' && (to.kind", replace: "((from.kind === 'int' || from.kind === 'bigint') && (to.kind" },
  },
  {
    rule: 'E5',
    promise: 'narrowing and any other type are new versions',
    test: { file: TABLE, name: 'apply (§6) > wants a new version: narrowing' },
    change: {
      file: COMPARE,
      find: 'widens(parseType(before.type), parseType(after.type)) ?',
      replace: 'widens(parseType(after.type), parseType(before.type)) ?',
    },
  },
  {
    rule: 'E6',
    promise: 'a dropped or renamed column is a new version',
    test: { file: TABLE, name: 'apply (§6) > wants a new version: drop column' },
    change: { file: COMPARE, find: "after: null }, verdict: 'new version' }];", replace: "after: null }, verdict: 'in place' }];" },
  },
  {
    rule: 'E6',
    promise: 'another key, event time or partition is a new version',
    test: { file: TABLE, name: 'apply (§6) > wants a new version: primaryKey' },
    change: { file: COMPARE, find: "const NEW_VERSION = ['primaryKey', ", replace: 'const NEW_VERSION = [' },
  },
  {
    rule: 'E7',
    promise: 'payloads of older schemas are raised: a missing column is null, a widened one exact',
    test: { file: 'test/online/payload.test.ts', name: 'online payload > raises what an older schema wrote: a missing column is null, a widened one exact' },
    change: { file: 'lib/core/raise.ts', find: "to.kind === 'bigint') return toBigint;", replace: "to.kind === 'bigint') return same;" },
  },
  {
    rule: 'E7',
    promise: 'an unknown column is refused',
    test: { file: 'test/features/rows.test.ts', name: 'rows > name every fault by row and column, and read the rest' },
    change: { file: 'lib/features/ingest/row-objects.ts', find: 'if (options.ignoreUnknown !== true) noteUnknown(', replace: 'if (false) noteUnknown(' },
  },
  {
    rule: 'E7',
    promise: 'unless told to be ignored',
    test: { file: 'test/features/rows.test.ts', name: 'rows > leave unknown members out when asked to' },
    change: { file: 'lib/features/ingest/row-objects.ts', find: 'if (options.ignoreUnknown !== true) noteUnknown(', replace: 'noteUnknown(' },
  },
];
