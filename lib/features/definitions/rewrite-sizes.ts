/** What a widening costs: the files and bytes of the table that would be written again. */
import { typesEqual } from '../../core/types.ts';
import type { DeltaDeps } from '../../delta/deps.ts';
import { DeltaTable } from '../../delta/table.ts';
import type { FeatureGroupDefinition } from '../../registry/definition.ts';
import { columnOf } from '../../registry/parse-columns.ts';
import type { DefinitionsPlan, PlanBody } from '../../registry/plan.ts';
import { groupPath, tablePath } from '../../registry/table-layout.ts';

/** The plan's answer with `rewrite` filled in where a change needs it: as the table stands now, so no part of the plan's identity. */
export async function withRewriteSizes(deps: DeltaDeps, project: string, plan: DefinitionsPlan): Promise<PlanBody> {
  const changes = await Promise.all(
    plan.body.changes.map(async (change, i) => {
      const definition = plan.featureGroups[i];
      if (change.verdict !== 'rewrite' || definition === undefined) return change;
      return { ...change, rewrite: await rewriteSize(deps, project, definition) };
    }),
  );
  return { ...plan.body, changes };
}

async function rewriteSize(deps: DeltaDeps, project: string, definition: FeatureGroupDefinition): Promise<{ readonly files: number; readonly bytes: number }> {
  const { snapshot } = await DeltaTable.open(deps, tablePath(project, groupPath(definition.name, definition.version)));
  const isWide = definition.schema.map(columnOf).every(({ name, type }) => {
    const found = snapshot.columns.find((column) => column.name === name);
    return found === undefined || typesEqual(found.type, type);
  });
  // An earlier attempt may have got as far as the table.
  if (isWide) return { files: 0, bytes: 0 };
  let bytes = 0;
  for (const file of snapshot.files.values()) bytes += file.size;
  return { files: snapshot.files.size, bytes };
}
