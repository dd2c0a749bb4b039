/** Adds a check constraint once every row passes it, and drops one. */
import { LakefoldError } from '../../core/errors.ts';
import type { Action } from '../actions/actions.ts';
import type { CommitRequest, PlanBasis } from '../write/commit.ts';
import { READS_NOTHING } from '../write/conflict.ts';
import { checkRows, CONSTRAINT_PREFIX, parseConstraint } from '../sql/constraints.ts';
import { withFeature } from '../actions/protocol.ts';
import { readFile, type ReadDeps } from '../rows/read.ts';
import type { Snapshot } from '../snapshot/snapshot-state.ts';
import { NO_ROWS } from '../write/write-outcome.ts';

/** `expression: null` drops it. */
export interface ConstraintChange {
  readonly name: string;
  readonly expression: string | null;
}

/**
 * A planner of the change for `commitWrite`; reads every row of the newest version before it adds one, after a lost race those of the files that changed.
 * @throws LakefoldError INVALID_ARGUMENT for a name or an expression that is none, CONSTRAINT_VIOLATED by a row the table has, ALREADY_EXISTS
 */
export function constraintPlanner(deps: ReadDeps, root: string, change: ConstraintChange): CommitRequest['plan'] {
  const key = constraintKey(change.name);
  const passed = new Set<string>();
  return async (snapshot, changed) => {
    for (const path of changed ?? [...passed]) passed.delete(path);
    const { configuration } = snapshot.metadata;
    const stands = configuration[key];
    if (stands === (change.expression ?? undefined)) return { kind: 'nothing', counts: NO_ROWS };
    if (stands !== undefined && change.expression !== null)
      throw new LakefoldError('ALREADY_EXISTS', `expected no constraint ${change.name}, found ${stands.slice(0, 200)}; drop it first`, {
        context: { constraint: change.name },
      });
    const actions =
      change.expression === null ? dropped(snapshot, key) : await added(deps, { root, snapshot, passed }, { name: change.name, key, text: change.expression });
    return {
      kind: 'write',
      actions,
      counts: NO_ROWS,
      fold: 'none',
      isBlindAppend: false,
      basis: change.expression === null ? DROPS : ADDS,
      operation: change.expression === null ? 'DROP CONSTRAINT' : 'ADD CONSTRAINT',
      operationParameters: { name: change.name, ...(change.expression === null ? {} : { expr: change.expression }) },
    };
  };
}

const DROPS: PlanBasis = { kind: 'schema', reads: READS_NOTHING };
/** Any row of any file may break it. */
const ADDS: PlanBasis = { kind: 'schema', reads: { found: new Set(), mayHold: () => true } };

/** Its property; names are kept in lower case, as Spark keeps them. @throws LakefoldError INVALID_ARGUMENT */
export function constraintKey(name: string): string {
  if (!/^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(name))
    throw new LakefoldError('INVALID_ARGUMENT', `expected letters, digits and _ as the name of a constraint, found ${JSON.stringify(name)}`, {
      context: { field: 'name' },
    });
  return `${CONSTRAINT_PREFIX}${name.toLowerCase()}`;
}

function dropped(snapshot: Snapshot, key: string): readonly Action[] {
  const configuration = Object.fromEntries(Object.entries(snapshot.metadata.configuration).filter(([name]) => name !== key));
  return [{ ...snapshot.metadata, configuration }];
}

async function added(
  deps: ReadDeps,
  table: { readonly root: string; readonly snapshot: Snapshot; readonly passed: Set<string> },
  { name, key, text }: { readonly name: string; readonly key: string; readonly text: string },
): Promise<readonly Action[]> {
  const { snapshot } = table;
  const { columns, metadata } = snapshot;
  const constraint = { kind: 'checkConstraints', name, text, expression: parseConstraint(text, columns) } as const;
  for (const file of snapshot.files.values()) {
    if (table.passed.has(file.path)) continue;
    for await (const { batch } of readFile(deps, { ...table, file }, { columns })) checkRows([constraint], columns, batch);
    table.passed.add(file.path);
  }
  const protocol = withFeature(snapshot.protocol, 'checkConstraints');
  const changed: Action = { ...metadata, configuration: { ...metadata.configuration, [key]: text } };
  return protocol === snapshot.protocol ? [changed] : [protocol, changed];
}
