/** Serving (semantics §10). */
import type { Proof } from '../proof.ts';
import { lookingUp, onlineCase, vector } from './tests.ts';

const VECTORS = 'lib/online/vectors.ts';
const RECORDS = 'lib/online/join-records.ts';

export const SERVING: readonly Proof[] = [
  {
    rule: 'S1',
    promise: 'rows align with the entries, duplicates kept',
    test: lookingUp('vectors (semantics §10) > keeps rows aligned with entries, duplicates included, one parameter object serving all (S1)'),
    change: { file: VECTORS, find: 'const read: OnlineRead = reads[i] ??', replace: 'const read: OnlineRead = reads[0] ??' },
  },
  {
    rule: 'S2',
    promise: 'labels and helpers are left out',
    test: lookingUp('vectors (semantics §10) > leaves out labels, training helpers and, unless asked, inference helpers (S2)'),
    change: { file: 'lib/online/view-plan.ts', find: '!feature.isHidden && (includeHelpers', replace: '(includeHelpers' },
  },
  {
    rule: 'S3',
    promise: 'what is passed comes before what is stored',
    test: lookingUp('vectors (semantics §10) > takes passed features first and needs no key for a join all of whose features are passed (S3)'),
    change: { file: VECTORS, find: "if (passed !== undefined) set(row, position, { value: passed, status: 'PASSED' });", replace: 'if (false) return;' },
  },
  {
    rule: 'S3',
    promise: 'defaults stand for missing and expired records, not for a stored null',
    test: lookingUp('vectors (semantics §10) > fills defaults for missing and expired records, not for stored nulls (S3)'),
    change: { file: VECTORS, find: "if (fallback !== undefined) return set(row, position, { value: fallback, status: 'DEFAULT' });", replace: '' },
  },
  {
    rule: 'S4',
    promise: 'a stored null is told from a missing record',
    test: lookingUp('vectors (semantics §10) > tells a stored null from a missing record (S4, P5)'),
    change: { file: VECTORS, find: "status: value === null ? 'NULL_VALUE' : 'PRESENT'", replace: "status: value === null ? 'NOT_FOUND' : 'PRESENT'" },
  },
  {
    rule: 'S4',
    promise: 'a row is MISSING when anything of it is',
    test: vector('composite keys'),
    change: {
      file: VECTORS,
      find: "statuses.includes('NOT_FOUND') || statuses.includes('EXPIRED') ? 'MISSING'",
      replace: "statuses.includes('EXPIRED') ? 'MISSING'",
    },
  },
  {
    rule: 'S5',
    promise: 'an incomplete vector is refused where nothing may be missing',
    test: lookingUp('vectors (semantics §10) > refuses an incomplete single vector when nothing may be missing (S5)'),
    change: { file: 'lib/online/vectors-body.ts', find: 'if (!answer.request.options.allowMissing &&', replace: 'if (false &&' },
  },
  {
    rule: 'S6',
    promise: 'what the store did not answer is ERROR, never NOT_FOUND',
    test: lookingUp('vectors (semantics §10) > says ERROR, never NOT_FOUND, for what the store did not answer, and 503 when that is every row (S5, S6)'),
    change: {
      file: RECORDS,
      find: "if (read.kind === 'failed') return { kind: 'error', reason: 'store' };",
      replace: "if (read.kind === 'failed') return { kind: 'absent' };",
    },
  },
  {
    rule: 'S6',
    promise: 'a key asked for twice is read once',
    test: onlineCase('S6 reads 250 keys, some of them twice, aligned with what was asked, in three requests'),
    change: { file: 'lib/ports/online-rules.ts', find: 'if (known !== undefined) return known;', replace: '' },
  },
  {
    rule: 'S7',
    promise: 'an unknown entry key is refused',
    test: lookingUp('faults of a lookup (S7) > refuses an unknown entry key before anything is read'),
    change: { file: 'lib/online/entry-values.ts', find: "add(input.note, 'UNKNOWN_ENTRY_KEY', {", replace: "void (input.note, 'UNKNOWN_ENTRY_KEY', {" },
  },
  {
    rule: 'S7',
    promise: 'a missing key is refused with the index of its entry',
    test: lookingUp('faults of a lookup (S7) > refuses a missing entry key before anything is read'),
    change: { file: 'lib/online/entry-values.ts', find: 'const note = { entry: index, faults };', replace: 'const note = { entry: 0, faults };' },
  },
  {
    rule: 'S7',
    promise: 'a missing request parameter is refused',
    test: lookingUp("faults of a lookup (S7) > refuses a missing parameter, unless the function's own value is passed"),
    change: { file: 'lib/online/entry-values.ts', find: 'if (!isGiven && !parameter.nullable)', replace: 'if (false)' },
  },
  {
    rule: 'S8',
    promise: 'the watermark in the header is at most a second old, and says its age',
    test: lookingUp('watermarks of a lookup > are read at most once a second and told in the header with their age (S8)'),
    change: {
      file: 'lib/online/watermark-cache.ts',
      find: 'nowMillis - seen.readAt <= WATERMARK_STALE_MAX_MILLIS ? seen',
      replace: 'nowMillis - seen.readAt <= 10 * WATERMARK_STALE_MAX_MILLIS ? seen',
    },
  },
  {
    rule: 'S9',
    promise: 'a function is not called with a null it does not take',
    test: { file: 'test/online/on-demand.test.ts', name: 'callOnDemand (S9) > is not called when an input that may not be null is' },
    change: { file: 'lib/online/on-demand.ts', find: "if (value === null && !input.nullable) return { kind: 'notCalled', input: i };", replace: '' },
  },
  {
    rule: 'S9',
    promise: 'a throw is one ERROR, told by name',
    test: lookingUp('on-demand functions in vectors (S9) > give null and ERROR when they throw or return another type, and say why'),
    change: {
      file: VECTORS,
      find: "input.onFailure(item.name, result.reason);\n      return set(row, item.feature, { value: null, status: 'ERROR' });",
      replace: "return set(row, item.feature, { value: null, status: 'NULL_VALUE' });",
    },
  },
];
