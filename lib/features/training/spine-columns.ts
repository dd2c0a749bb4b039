/** Which columns a file of spine rows may have: every declared one, each name once, and beside them none the training set makes. */
import { LakefoldError } from '../../core/errors.ts';
import type { Column } from '../../core/types.ts';
import type { FeatureViewDefinition } from '../../registry/definition.ts';

/** @throws LakefoldError INVALID_SPINE for a declared column the file lacks, or two whose names differ in case at most */
export function checkSpineColumns(view: FeatureViewDefinition, found: readonly string[]): void {
  const seen = new Map<string, string>();
  for (const name of found) {
    const other = seen.get(name.toLowerCase());
    if (other !== undefined)
      throw new LakefoldError(
        'INVALID_SPINE',
        `expected spine columns of different names, found ${other === name ? `${JSON.stringify(name)} twice` : `${JSON.stringify(other)} and ${JSON.stringify(name)}`}`,
        { context: { column: name } },
      );
    seen.set(name.toLowerCase(), name);
  }
  const missing = view.spine.find((column) => !column.nullable && !found.includes(column.name));
  if (missing !== undefined)
    throw new LakefoldError('INVALID_SPINE', `expected spine column ${missing.name} of type ${missing.type}, found ${found.join(', ')}`, {
      context: { column: missing.name },
    });
}

/** Columns that a typed file brings along. @throws LakefoldError AMBIGUOUS_FEATURE_NAME for the name of one the training set makes, diagnostics included (P13) */
export function passThroughColumns(view: FeatureViewDefinition, columns: readonly Column[]): readonly Column[] {
  const passed = columns.filter((column) => !view.spine.some((declared) => declared.name === column.name)).map((column) => ({ ...column, nullable: true }));
  const made = [
    ...view.spine.map((column) => column.name),
    ...view.joins.flatMap((join) => [...join.features.map((feature) => join.prefix + feature), `_status_${join.name}`, `_event_time_${join.name}`]),
    ...view.onDemand.map((item) => item.name),
  ];
  const taken = new Set(made.map((name) => name.toLowerCase()));
  const errors = passed
    .filter((column) => taken.has(column.name.toLowerCase()))
    .map(({ name }) => ({
      feature: name,
      code: 'AMBIGUOUS_FEATURE_NAME',
      message: `${name} is a column of the spine's file and one of the view: leave it out, or name it otherwise`,
    }));
  if (errors.length > 0) throw new LakefoldError('AMBIGUOUS_FEATURE_NAME', errors[0]?.message ?? '', { errors });
  return passed;
}
