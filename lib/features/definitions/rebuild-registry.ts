/**
 * Lists a project's groups again from their tables alone (storage.md §3), where the registry was lost, or its newest
 * revision is no longer readable. What a table does not say (owner, tags, ttl, expectations, …) gets its default.
 */
import { isLakefoldError, LakefoldError, type ErrorCode } from '../../core/errors.ts';
import { parseJson, type Json } from '../../core/json.ts';
import { REVISIONS_LOOKED_BACK_MAX, TABLES_REBUILT_MAX } from '../../core/limits.ts';
import { formatMillis } from '../../core/time.ts';
import { formatType } from '../../core/types.ts';
import type { Snapshot } from '../../delta/snapshot/snapshot-state.ts';
import { DeltaTable } from '../../delta/table.ts';
import { followMarks } from '../../online/generation-mark.ts';
import { logRetentionMillis } from '../../delta/schema/table-properties.ts';
import type { FeatureGroupState, RegistryState } from '../../registry/definition.ts';
import { parseFeatureGroup } from '../../registry/parse-group.ts';
import { payloadSchemaOf } from '../../registry/payload-schema.ts';
import { newestRevision, readRevision, type Registry } from '../../registry/registry.ts';
import { emptyState } from '../../registry/state.ts';
import type { FeatureDeps } from '../deps.ts';
import type { Projects } from './projects.ts';

export interface RebuildReport {
  readonly revision: number;
  /** Groups listed again. */
  readonly added: readonly { readonly name: string; readonly version: number }[];
  /** Folders that hold no table of ours that can be read, and why. */
  readonly skipped: readonly { readonly path: string; readonly code: ErrorCode; readonly message: string }[];
}

/**
 * Adds every group whose table is there and which the registry does not know; one it knows, or knows to be deleted, stays
 * as it is. Changes nothing where nothing is missing.
 * @throws LakefoldError LIMIT_EXCEEDED, COMMIT_CONFLICT, STORE_UNAVAILABLE
 */
export async function rebuildRegistry(deps: FeatureDeps & { readonly projects: Projects }, project: string): Promise<RebuildReport> {
  const base = await salvagedRegistry(deps, project);
  const found: FeatureGroupState[] = [];
  const skipped: RebuildReport['skipped'][number][] = [];
  for (const path of await tablePaths(deps, project)) {
    try {
      found.push(await groupOfTable(deps, project, path));
    } catch (error) {
      if (!isLakefoldError(error) || error.kind === 'unavailable') throw error;
      skipped.push({ path, code: error.code, message: error.message });
    }
  }
  const missingFrom = (state: RegistryState): readonly FeatureGroupState[] =>
    found.filter(
      ({ definition: { name, version } }) => !state.featureGroups.some((known) => known.definition.name === name && known.definition.version === version),
    );
  const added = missingFrom(base.state).map(({ definition: { name, version } }) => ({ name, version }));
  if (added.length === 0 && base.isWhole) return { revision: base.revision, added, skipped };
  const { revision } = await deps.projects.revise(base, {
    message: 'rebuild from tables',
    revise: ({ state }, at) => {
      const missing = missingFrom(state).map((group) => ({ ...group, revision: at.revision, updatedAt: at.now }));
      if (missing.length === 0 && base.isWhole) return undefined;
      const highestVersions = { ...state.highestVersions };
      for (const { definition } of missing) {
        const key = `featureGroups/${definition.name}`;
        highestVersions[key] = Math.max(highestVersions[key] ?? 0, definition.version);
      }
      return {
        state: { ...state, featureGroups: [...state.featureGroups, ...missing], highestVersions },
        changes: missing.map(({ definition }) => ({ op: 'create', kind: 'featureGroup', name: definition.name, version: definition.version })),
      };
    },
  });
  return { revision, added, skipped };
}

/** What is left of the registry, to be followed by revision + 1; made where there is none. `isWhole`: its newest revision can be read. */
async function salvagedRegistry(deps: FeatureDeps & { readonly projects: Projects }, project: string): Promise<Registry & { readonly isWhole: boolean }> {
  const newest = await newestRevision(deps.store, project);
  if (newest === undefined) {
    await deps.projects.create(project);
    return { ...(await deps.projects.registry(project)), isWhole: true };
  }
  for (let revision = newest; revision >= Math.max(0, newest - REVISIONS_LOOKED_BACK_MAX); revision -= 1) {
    try {
      const registry = await readRevision(deps.store, { project, revision }, {});
      if (registry !== undefined) return { ...registry, revision: newest, isWhole: revision === newest };
    } catch (error) {
      if (!isLakefoldError(error, 'CORRUPT_STORE')) throw error;
    }
  }
  return { project, revision: newest, state: emptyState({ description: null, createdAt: formatMillis(deps.clock.now()) }), isWhole: false };
}

/** `feature-groups/<name>/<version>` of every such folder, by name: a short LIST each. */
async function tablePaths({ store }: Pick<FeatureDeps, 'store'>, project: string): Promise<readonly string[]> {
  const folder = `${project}/feature-groups/`;
  const paths: string[] = [];
  let startAfter = folder;
  while (paths.length < TABLES_REBUILT_MAX) {
    const next = await firstPath(store, folder, startAfter);
    if (next === undefined) return paths;
    const [name = '', version = ''] = next.slice(folder.length).split('/');
    if (/^[1-9]\d{0,8}$/.test(version)) paths.push(`feature-groups/${name}/${version}`);
    // Past every path of the folder: '0' follows '/'.
    startAfter = `${folder}${name}/${version}0`;
  }
  throw new LakefoldError('LIMIT_EXCEEDED', `expected at most ${TABLES_REBUILT_MAX} tables in ${folder}, found more`, {
    context: { limit: 'TABLES_REBUILT_MAX', limitValue: TABLES_REBUILT_MAX },
  });
}

async function firstPath(store: FeatureDeps['store'], prefix: string, startAfter: string): Promise<string | undefined> {
  for await (const info of store.list(prefix, { startAfter })) return info.path;
  return undefined;
}

async function groupOfTable(deps: FeatureDeps, project: string, path: string): Promise<FeatureGroupState> {
  const { snapshot } = await DeltaTable.open(deps, `${project}/${path}`);
  const json = definitionJson(snapshot);
  const draft = parseFeatureGroup(json);
  const version = draft.version ?? 0;
  if (path !== `feature-groups/${draft.name}/${version}`)
    throw new LakefoldError('CORRUPT_STORE', `expected the table of ${path}, found that of ${draft.name}/${version}`, { context: { path } });
  const place = { project, featureGroup: draft.name, version, generation: 1, shards: draft.onlineShards };
  const { table, watermark } = await followMarks(deps.online, place);
  const definition = { ...draft, version, onlineEnabled: watermark !== undefined };
  const createdAt = formatMillis(snapshot.metadata.createdTime ?? snapshot.committedAt);
  return {
    definition,
    createdAt,
    updatedAt: createdAt,
    revision: 0,
    status: 'ACTIVE',
    path,
    tableId: snapshot.metadata.id,
    generation: table.generation,
    onlineShards: table.shards,
    schemas: [payloadSchemaOf(definition)],
  };
}

/** @throws LakefoldError CORRUPT_STORE where the table is no group's */
function definitionJson({ metadata, columns }: Snapshot): object {
  const { configuration } = metadata;
  const own = (name: string): Json | undefined => {
    const text = configuration[`lakefold.${name}`];
    return text === undefined ? undefined : parseJson(text);
  };
  const [name, version] = [configuration['lakefold.featureGroup'], own('version')];
  if (name === undefined || version === undefined)
    throw new LakefoldError('CORRUPT_STORE', 'expected lakefold.featureGroup and lakefold.version among the properties of the table, found none');
  return {
    name,
    version,
    description: metadata.description ?? null,
    schema: columns
      .filter((column) => !column.name.startsWith('_'))
      .map((column) => ({
        name: column.name,
        type: formatType(column.type),
        nullable: column.nullable,
        ...(column.description === undefined ? {} : { description: column.description }),
      })),
    primaryKey: own('primaryKey') ?? [],
    eventTime: configuration['lakefold.eventTime'] ?? null,
    partitionBy: metadata.partitionColumns,
    clusterBy: own('clusterBy') ?? [],
    profile: configuration['delta.enableDeletionVectors'] === 'true' ? 'merge-on-read' : 'compatible',
    changeFeed: configuration['delta.enableChangeDataFeed'] === 'true',
    retention: durationText(Math.round(logRetentionMillis(metadata) / 1000)),
  };
}

const DAY_SECONDS = 86_400;

function durationText(seconds: number): string {
  return seconds % DAY_SECONDS === 0 ? `P${seconds / DAY_SECONDS}D` : `PT${seconds}S`;
}
