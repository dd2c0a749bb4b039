/** What `lakefold doctor` looks at in an embedded store: its registry, and whether the tables are what that says. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isLakefoldError, LakefoldError } from '../lib/core/errors.ts';
import { DeltaTable } from '../lib/delta/table.ts';
import { rebuildRegistry } from '../lib/features/definitions/rebuild-registry.ts';
import { driftsOf, driftText } from '../lib/features/definitions/schema-drift.ts';
import type { FeatureGroupState } from '../lib/registry/definition.ts';
import { tablePath } from '../lib/registry/table-layout.ts';
import { openEmbedded } from '../lib/store/embedded.ts';
import type { OpenStore } from '../lib/store/open-store.ts';
import type { CommandContext } from './command.ts';
import { plural } from './render.ts';

/** Undefined against a server. @throws LakefoldError SCHEMA_DRIFT naming what differs; CORRUPT_STORE for a registry that can't be read */
export async function registryCheck(context: CommandContext): Promise<string | undefined> {
  if (context.session.endpoint !== undefined) return undefined;
  const location = await context.session.location();
  if (!(await isStore(location))) return `no store at ${location} yet`;
  return withStore(location, async ({ deps, projects }) => {
    const project = await context.session.project();
    const { revision, state } = await projects.registry(project, { fresh: 'yes' }).catch((error: unknown) => {
      if (!isLakefoldError(error, 'CORRUPT_STORE')) throw error;
      throw new LakefoldError('CORRUPT_STORE', `${error.message}; lakefold doctor --rebuild-registry lists the groups again from their tables`, {
        cause: error,
      });
    });
    const groups = state.featureGroups.filter(({ status }) => status !== 'DELETED');
    const wrong: string[] = [];
    for (const group of groups) wrong.push(...(await faultsOf(deps, project, group)));
    if (wrong.length > 0) throw new LakefoldError('SCHEMA_DRIFT', wrong.join('; '));
    return `${project}, revision ${revision}: ${plural(groups.length, 'group')}, whose tables are what it says`;
  });
}

/** @throws LakefoldError UNSUPPORTED_OPERATION against a server */
export async function rebuildRegistryCheck(context: CommandContext): Promise<string> {
  if (context.session.endpoint !== undefined)
    throw new LakefoldError('UNSUPPORTED_OPERATION', 'expected --rebuild-registry on an embedded store, found --endpoint');
  const location = await context.session.location();
  if (!(await isStore(location))) throw new LakefoldError('INVALID_ARGUMENT', `expected a store at ${location}, found none`);
  return withStore(location, async ({ deps }) => {
    const project = await context.session.project();
    const { revision, added, skipped } = await rebuildRegistry(deps, project);
    const parts = [
      added.length === 0 ? 'no group was missing' : `listed again ${added.map(({ name, version }) => `${name}/${version}`).join(', ')}`,
      ...skipped.map(({ path, code, message }) => `skipped ${path}: ${code}: ${message}`),
    ];
    return `${project}, revision ${revision}: ${parts.join('; ')}`;
  });
}

async function isStore(location: string): Promise<boolean> {
  return (await stat(join(location, 'lakefold.json')).catch(() => undefined)) !== undefined;
}

async function withStore<Result>(location: string, work: (store: OpenStore) => Promise<Result>): Promise<Result> {
  const store = await openEmbedded({ location });
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

async function faultsOf(deps: OpenStore['deps'], project: string, group: FeatureGroupState): Promise<readonly string[]> {
  const { name, version } = group.definition;
  try {
    const { snapshot } = await DeltaTable.open(deps, tablePath(project, group.path));
    return driftsOf(group, snapshot).map((drift) => `${name}/${version}: ${driftText(drift)}`);
  } catch (error) {
    if (!isLakefoldError(error) || error.kind === 'unavailable') throw error;
    return [`${name}/${version}: ${error.code}: ${error.message}`];
  }
}
