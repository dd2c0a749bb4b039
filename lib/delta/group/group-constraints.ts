/** Holds staged rows to the constraints that a table got after they were staged: those that break one are refused, alone. */
import { mapConcurrent } from '../../core/concurrency.ts';
import { isLakefoldError } from '../../core/errors.ts';
import { STORE_READ_CONCURRENCY } from '../../core/limits.ts';
import { checkRows, type Constraint } from '../sql/constraints.ts';
import { constraintsSince, type GroupMember, type Refusal } from './group-member.ts';
import type { RowsAt } from './group-rows.ts';
import { readFile, type ReadDeps } from '../rows/read.ts';

/** The refusals of members by position. */
export type ConstraintCheck = (at: RowsAt, members: readonly GroupMember[]) => Promise<ReadonlyMap<number, Refusal>>;

/** Rows are read once for the same constraints, however often the group is planned. */
export function constraintCheck(deps: ReadDeps): ConstraintCheck {
  const known = new Map<string, Refusal | undefined>();
  return async (at, members) => {
    const unheld = members.flatMap((member, i) => {
      const constraints = constraintsSince(at.snapshot, member);
      return constraints.length === 0 ? [] : [{ member, i, constraints, key: [member.id, ...constraints.map(({ text }) => text)].join('\0') }];
    });
    const refusals = new Map<number, Refusal>();
    await mapConcurrent(unheld, { concurrencyMax: STORE_READ_CONCURRENCY }, async ({ member, i, constraints, key }) => {
      const refusal = known.has(key) ? known.get(key) : await refusalOf(deps, at, { member, constraints });
      known.set(key, refusal);
      if (refusal !== undefined) refusals.set(i, refusal);
    });
    return refusals;
  };
}

async function refusalOf(
  deps: ReadDeps,
  at: RowsAt,
  { member, constraints }: { readonly member: GroupMember; readonly constraints: readonly Constraint[] },
): Promise<Refusal | undefined> {
  const { columns } = at.snapshot;
  try {
    for (const file of member.adds) for await (const { batch } of readFile(deps, { ...at, file }, { columns })) checkRows(constraints, columns, batch);
    return undefined;
  } catch (error) {
    if (isLakefoldError(error, 'CONSTRAINT_VIOLATED') || isLakefoldError(error, 'FILE_MISSING') || isLakefoldError(error, 'FILE_CORRUPT'))
      return { code: error.code, reason: error.message };
    throw error;
  }
}
