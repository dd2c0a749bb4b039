/** The policy table of validation (semantics §11), a rule for each of its rows, and the order of checks. */
import type { Proof } from '../proof.ts';

const JUDGE = 'lib/features/ingest/judge-rows.ts';
const FILE = 'test/api/validation.test.ts';

function policy(cell: string): Proof['test'] {
  return { file: FILE, name: `the policy table (semantics §11) > ${cell}` };
}

const VERDICT = "validated.rejected > 0 || (policy === 'STRICT' && unmet.length > 0)";

export const VALIDATION: readonly Proof[] = [
  {
    rule: 'V1',
    promise: 'STRICT: a row fault refuses the request',
    test: policy('STRICT meets a row fault'),
    change: { file: JUDGE, find: VERDICT, replace: "(policy === 'STRICT' && unmet.length > 0)" },
  },
  {
    rule: 'V1',
    promise: 'STRICT: a row expectation below mostly refuses it',
    test: policy('STRICT meets a row expectation below mostly'),
    change: { file: JUDGE, find: VERDICT, replace: "validated.rejected > 0 || (policy === 'STRICT' && unmetOfBatch.length > 0)" },
  },
  {
    rule: 'V1',
    promise: 'STRICT: a batch expectation refuses it',
    test: policy('STRICT meets a batch expectation that fails'),
    change: { file: JUDGE, find: VERDICT, replace: "validated.rejected > 0 || (policy === 'STRICT' && unmet.length > unmetOfBatch.length)" },
  },
  {
    rule: 'V2',
    promise: 'ALWAYS: a row fault refuses the request',
    test: policy('ALWAYS meets a row fault'),
    change: { file: JUDGE, find: VERDICT, replace: "policy === 'STRICT' && (validated.rejected > 0 || unmet.length > 0)" },
  },
  {
    rule: 'V2',
    promise: 'ALWAYS: rows below mostly are written, and the report says so',
    test: policy('ALWAYS meets a row expectation below mostly'),
    change: { file: JUDGE, find: VERDICT, replace: 'validated.rejected > 0 || unmet.length > 0' },
  },
  {
    rule: 'V2',
    promise: 'ALWAYS: so is a batch that fails',
    test: policy('ALWAYS meets a batch expectation that fails'),
    change: { file: JUDGE, find: VERDICT, replace: 'validated.rejected > 0 || unmetOfBatch.length > 0' },
  },
  {
    rule: 'V3',
    promise: 'QUARANTINE: a faulty row is set aside',
    test: policy('QUARANTINE meets a row fault'),
    change: {
      file: JUDGE,
      find: "isRefused = policy === 'QUARANTINE' ? unmetOfBatch.length > 0 :",
      replace: "isRefused = policy === 'QUARANTINE' ? validated.rejected > 0 :",
    },
  },
  {
    rule: 'V3',
    promise: 'QUARANTINE: the unexpected rows are set aside',
    test: policy('QUARANTINE meets a row expectation below mostly'),
    change: { file: JUDGE, find: "const unexpected = policy === 'QUARANTINE' && !isRefused ?", replace: 'const unexpected = false ?' },
  },
  {
    rule: 'V3',
    promise: 'QUARANTINE: a batch that fails is refused',
    test: policy('QUARANTINE meets a batch expectation that fails'),
    change: { file: JUDGE, find: "isRefused = policy === 'QUARANTINE' ? unmetOfBatch.length > 0 :", replace: "isRefused = policy === 'QUARANTINE' ? false :" },
  },
  {
    rule: 'V4',
    promise: 'where mostly is reached no row is set aside',
    test: policy('takes a batch in which `mostly` is reached as it is'),
    change: {
      file: 'lib/features/quality/expectations.ts',
      find: '/ considered >= mostly) return undefined;',
      replace: '/ considered > mostly) return undefined;',
    },
  },
  {
    rule: 'V5',
    promise: 'duplicates are settled before expectations are asked',
    test: {
      file: FILE,
      name: 'quarantine > does not let a row that lost in the batch win because the one that beat it is set aside (semantics §11, 3 before 4)',
    },
    change: { file: JUDGE, find: "request.operation === 'upsert' && definition.expectations.length > 0", replace: 'false' },
  },
  {
    rule: 'V5',
    promise: 'faulty rows are found before expectations, under ALWAYS too',
    test: {
      file: 'test/features/expectations.test.ts',
      name: 'a write to a group with expectations > is refused for a faulty row before any expectation, under ALWAYS too',
    },
    change: { file: JUDGE, find: "if (policy !== 'QUARANTINE') refuseFaults(validated, reportId ?? undefined);", replace: '' },
  },
];
