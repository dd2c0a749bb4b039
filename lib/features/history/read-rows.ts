/** Offline reads of a group: any version, narrowed by event time, columns and filter (api.md, `read`). */
import type { Batch } from '../../core/batch.ts';
import { LakefoldError } from '../../core/errors.ts';
import { INGESTED_AT } from '../../core/names.ts';
import { floorDiv } from '../../core/time.ts';
import type { Column } from '../../core/types.ts';
import { type Filter, unknownColumn } from '../../delta/filter/filter.ts';
import { type ReadDeps, readRows } from '../../delta/rows/read.ts';
import type { AsOf, Snapshot } from '../../delta/snapshot/snapshot-state.ts';
import type { RequestOptions } from '../../ports/object-store.ts';
import { assertKept } from './history-kept.ts';
import { groupName, type OpenGroup } from '../open-group.ts';

export interface ReadRequest extends RequestOptions {
  readonly asOf?: AsOf;
  /** Answers only from this version on (read your writes). */
  readonly minVersion?: number;
  /** Event times `[startTime, endTime)`, µs. */
  readonly startTime?: bigint;
  readonly endTime?: bigint;
  /** Default: the columns of the version's schema without system columns; may name `_ingested_at`. */
  readonly features?: readonly string[];
  readonly where?: Filter;
  readonly limit?: number;
}

export interface GroupRead {
  readonly version: number;
  readonly columns: readonly Column[];
  readonly rows: AsyncIterable<Batch>;
}

/** @throws LakefoldError NO_SUCH_COMMIT, HISTORY_EXPIRED, UNKNOWN_FEATURE, INVALID_ARGUMENT */
export async function readGroup(deps: ReadDeps, group: OpenGroup, request: ReadRequest): Promise<GroupRead> {
  const snapshot = await group.table.at(request.asOf);
  if (request.minVersion !== undefined && snapshot.version < request.minVersion) {
    throw new LakefoldError('NO_SUCH_COMMIT', `expected version ${request.minVersion} or later of ${groupName(group.definition)}, found ${snapshot.version}`, {
      context: { asked: request.minVersion, latest: snapshot.version },
    });
  }
  const columns = selectReadColumns(snapshot, request.features);
  await assertKept(deps, group, snapshot);
  const where = narrowed(group, request);
  const rows = readRows(
    deps,
    { root: group.table.root, snapshot },
    {
      columns: columns.map((column) => column.name),
      ...(where === undefined ? {} : { where }),
      ...(request.limit === undefined ? {} : { limit: request.limit }),
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    },
  );
  return { version: snapshot.version, columns, rows };
}

function selectReadColumns(snapshot: Snapshot, features: readonly string[] | undefined): readonly Column[] {
  if (features === undefined) return snapshot.columns.filter((column) => !column.name.startsWith('_'));
  return features.map((name) => {
    const column = snapshot.columns.find((candidate) => candidate.name === name);
    if (column === undefined || (name.startsWith('_') && name !== INGESTED_AT))
      throw unknownColumn(
        name,
        snapshot.columns.filter((candidate) => !candidate.name.startsWith('_')),
      );
    return column;
  });
}

function narrowed(group: OpenGroup, request: ReadRequest): Filter | undefined {
  const parts: Filter[] = [];
  if (request.startTime !== undefined || request.endTime !== undefined) {
    const { eventTime } = group;
    if (eventTime === undefined)
      throw new LakefoldError(
        'INVALID_ARGUMENT',
        `expected a group with an event time for startTime and endTime, found ${groupName(group.definition)} without`,
      );
    if (request.startTime !== undefined) parts.push({ kind: 'compare', column: eventTime.name, op: '>=', value: bound(eventTime, request.startTime) });
    if (request.endTime !== undefined) parts.push({ kind: 'compare', column: eventTime.name, op: '<', value: bound(eventTime, request.endTime) });
  }
  if (request.where !== undefined) parts.push(request.where);
  return parts.length === 0 ? undefined : { kind: 'and', filters: parts };
}

// A date d is the instant d 00:00:00Z: on or after an instant means from the next midnight on.
function bound(eventTime: Column, micros: bigint): bigint | number {
  return eventTime.type.kind === 'date' ? Number(-floorDiv(-micros, 86_400_000_000n)) : micros;
}
