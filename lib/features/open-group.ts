/** A feature group ready for work: its definition compiled, its table open, its place in the online store. */
import { LakefoldError } from '../core/errors.ts';
import { duration, type DurationMicros } from '../core/time.ts';
import { type Column, parseType } from '../core/types.ts';
import type { DeltaDeps } from '../delta/deps.ts';
import { DeltaTable } from '../delta/table.ts';
import { compileFoldGroup, type FoldGroup } from '../online/fold-group.ts';
import type { OnlineTable } from '../ports/online-store.ts';
import type { FeatureGroupDefinition, FeatureGroupState } from '../registry/definition.ts';
import { ReceiptClock } from './ingest/receipt-time.ts';

export interface OpenGroup {
  readonly project: string;
  readonly state: FeatureGroupState;
  readonly definition: FeatureGroupDefinition;
  /** Definition columns in table order: keys, event time, features. */
  readonly columns: readonly Column[];
  readonly keyColumns: readonly Column[];
  readonly eventTime: Column | undefined;
  readonly features: readonly Column[];
  readonly maxFutureSkew: DurationMicros | undefined;
  readonly table: DeltaTable;
  readonly receipts: ReceiptClock;
  readonly fold: FoldGroup;
  readonly onlineTable: OnlineTable;
}

/** Names a group in answers, watermarks and messages: `airport_delays/1`. */
export function groupName(definition: { readonly name: string; readonly version: number }): string {
  return `${definition.name}/${definition.version}`;
}

/** The columns that tell its rows apart: keys, then the event time where it has one. */
export function identityColumns(group: Pick<OpenGroup, 'keyColumns' | 'eventTime'>): readonly Column[] {
  return group.eventTime === undefined ? group.keyColumns : [...group.keyColumns, group.eventTime];
}

/** Opens the group's table, whatever it has become: reads go on where it drifted. @throws LakefoldError TABLE_NOT_FOUND */
export async function openGroup(deps: DeltaDeps, project: string, state: FeatureGroupState): Promise<OpenGroup> {
  const table = await DeltaTable.open(deps, `${project}/${state.path}`);
  return compileGroup({ project, state, table, receipts: new ReceiptClock(deps.clock) });
}

/** The group with a newer definition over the same open table. */
export function compileGroup({
  project,
  state,
  table,
  receipts,
}: {
  readonly project: string;
  readonly state: FeatureGroupState;
  readonly table: DeltaTable;
  readonly receipts: ReceiptClock;
}): OpenGroup {
  const { definition } = state;
  const byName = new Map(definition.schema.map(({ name, type, nullable }): [string, Column] => [name, { name, type: parseType(type), nullable }]));
  const column = (name: string): Column => {
    const found = byName.get(name);
    if (found === undefined) throw new LakefoldError('INTERNAL', `group ${groupName(definition)} has no column ${name}`);
    return found;
  };
  const keyColumns = definition.primaryKey.map(column);
  const eventTime = definition.eventTime === null ? undefined : column(definition.eventTime);
  const features = definition.schema
    .filter(({ name }) => !definition.primaryKey.includes(name) && name !== definition.eventTime)
    .map(({ name }) => column(name));
  const fingerprint = state.schemas.at(-1)?.fingerprint;
  if (fingerprint === undefined) throw new LakefoldError('CORRUPT_STORE', `expected a payload schema of ${groupName(definition)} in the registry, found none`);
  return {
    project,
    state,
    definition,
    keyColumns,
    eventTime,
    features,
    table,
    receipts,
    columns: [...identityColumns({ keyColumns, eventTime }), ...features],
    maxFutureSkew: definition.maxFutureSkew === null ? undefined : duration(definition.maxFutureSkew),
    fold: compileFoldGroup({
      keyColumns,
      eventTime,
      features,
      fingerprint,
      ttl: definition.ttl === null ? undefined : duration(definition.ttl),
      maxFutureSkew: definition.maxFutureSkew === null ? undefined : duration(definition.maxFutureSkew),
    }),
    onlineTable: { project, featureGroup: definition.name, version: definition.version, generation: state.generation, shards: state.onlineShards },
  };
}
