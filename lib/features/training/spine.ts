/** The rows a training set is built for: from the request, a file, a group, or the view's root. */
import { type Batch, concatBatches, isNullAt, type Vector, valueAt, vectorNamed } from '../../core/batch.ts';
import { isLakefoldError, LakefoldError } from '../../core/errors.ts';
import { microsOfDays } from '../../core/time.ts';
import { type Column, formatType, parseType } from '../../core/types.ts';
import { bytesSource, type FileSource, type TableCodec } from '../../ports/table-codec.ts';
import type { ColumnDefinition, FeatureViewDefinition } from '../../registry/definition.ts';
import { groupName, type OpenGroup } from '../open-group.ts';
import { parseFilter } from '../../delta/filter/parse-filter.ts';
import { arrowColumns, asMalformed } from '../ingest/typed-rows.ts';
import { openUpload } from '../ingest/uploads.ts';
import { parseRows, type RowsBody } from '../ingest/parse-rows.ts';
import { readGroup } from '../history/read-rows.ts';
import type { InputColumn } from '../ingest/received-rows.ts';
import type { ReadDeps } from '../../delta/rows/read.ts';
import type { AsOf } from '../../delta/snapshot/snapshot-state.ts';
import type { KnownRequest, PinnedGroup, PinRequest } from './join-plan.ts';
import type { SpineRequest, SpineSource, TrainingRequest } from './request.ts';
import { checkSpineColumns, passThroughColumns } from './spine-columns.ts';

/** Rows an error names. */
const FAULTS_LISTED_MAX = 100;
/** Later than every label time, µs. */
const AFTER_ALL = 2n ** 60n;

export interface Spine {
  readonly batch: Batch;
  /** The Parquet file the rows were read from, whole. */
  readonly file?: Uint8Array;
  /** Columns the view does not declare; typed formats bring them along. */
  readonly passThrough: readonly Column[];
  readonly labelTime: string | null;
  /** Label times in µs; null where a row has none that counts (P8). */
  readonly labelMicros: Vector;
}

export interface SpineDeps extends ReadDeps {
  /** Bytes of a spine's source. @throws LakefoldError INVALID_ARGUMENT where the location may not be read */
  readonly openSource: (source: string) => Promise<FileSource>;
  /** The project whose uploads may be read; without it none may. */
  readonly project?: string;
  /** Groups as this training set reads them, by name and version. */
  readonly pinned: ReadonlyMap<string, PinnedGroup>;
}

/**
 * The group the rows come from; undefined where the request brings them.
 * @throws LakefoldError UNSUPPORTED_OPERATION for a view without root, SELF_JOIN_BOUNDARY_REQUIRED
 */
export function spineGroup(view: FeatureViewDefinition, { spine }: TrainingRequest): PinRequest['rowsFrom'] {
  if (spine.kind === 'rows' || spine.kind === 'source') return undefined;
  const ref = spine.kind === 'root' ? view.root && { ...view.root, asOf: undefined } : { name: spine.name, version: spine.version, asOf: spine.asOf };
  if (ref === null) throw new LakefoldError('UNSUPPORTED_OPERATION', `expected a spine, or a view with a root; ${view.name}/${view.version} has none`);
  const isOf = (other: { readonly name: string; readonly version: number } | null): boolean => other?.name === ref.name && other.version === ref.version;
  // A view's own root was checked when it was registered (P2); of another group only "exclusive" tells that it was thought of.
  const join = isOf(view.root)
    ? undefined
    : view.joins.find((each) => each.boundary === 'inclusive' && isOf({ name: each.featureGroup, version: each.version }));
  if (join === undefined) return ref;
  throw new LakefoldError(
    'SELF_JOIN_BOUNDARY_REQUIRED',
    `the spine's rows come from ${groupName(ref)}, which join ${join.name} joins as well: expected "boundary": "exclusive" in that join, or this group as the view's root`,
    { context: { field: 'spine.featureGroup', join: join.name, featureGroup: groupName(ref) } },
  );
}

/** @throws LakefoldError INVALID_SPINE, INVALID_LABEL_TIME, MALFORMED_FILE, MALFORMED_JSON, UNSUPPORTED_OPERATION for a view without root */
export async function readSpine(
  deps: SpineDeps,
  view: FeatureViewDefinition,
  request: TrainingRequest,
  options: {
    /** Label time of a row that has none, µs; without it such a row is a fault, or nobody's (P8). */
    readonly missingLabel?: bigint;
  } = {},
): Promise<Spine> {
  const { missingLabel } = options;
  const labels: LabelTimes = { labelTime: request.labelTime ?? view.labelTime, onInvalidRow: request.onInvalidRow, missingLabel };
  const rows = await spineRows(deps, { view, labels }, request);
  const batch = withLooseColumns(view, labels, rows.batch);
  refuseNulls(batch);
  return {
    batch,
    passThrough: rows.passThrough,
    labelTime: labels.labelTime,
    labelMicros: labelMicrosOf(batch, labels),
    ...(rows.file === undefined ? {} : { file: rows.file }),
  };
}

/** Of when it is asked what was known; undefined where the rows at the pins count. @throws LakefoldError INVALID_ARGUMENT for label times of a spine without */
export function knownRequest({ knownAsOf }: TrainingRequest, { labelTime, labelMicros }: Spine): KnownRequest | undefined {
  if (knownAsOf === null) return undefined;
  if (knownAsOf !== 'labelTime') return { at: knownAsOf, sinceMicros: knownAsOf };
  if (labelTime === null)
    throw new LakefoldError('INVALID_ARGUMENT', 'expected a label time for knownAsOf: "labelTime", found a view and a request without', {
      context: { field: 'knownAsOf' },
    });
  let earliest = AFTER_ALL;
  for (let i = 0; i < labelMicros.length; i += 1) {
    const label = valueAt(labelMicros, i);
    if (typeof label === 'bigint' && label < earliest) earliest = label;
  }
  return { at: 'labelTime', sinceMicros: earliest };
}

interface LabelTimes {
  readonly labelTime: string | null;
  readonly onInvalidRow: 'error' | 'null';
  readonly missingLabel: bigint | undefined;
}

interface SpineOf {
  readonly view: FeatureViewDefinition;
  readonly labels: LabelTimes;
}

interface SpineRows {
  readonly batch: Batch;
  readonly file?: Uint8Array;
  readonly passThrough: readonly Column[];
}

/** P7, P8: a row without key or label time is kept, so these columns hold nulls whatever the view declares. */
function withLooseColumns(view: FeatureViewDefinition, { labelTime }: LabelTimes, batch: Batch): Batch {
  const loose = new Set([...view.joins.flatMap((join) => Object.keys(join.on)), labelTime]);
  return { ...batch, columns: batch.columns.map((column) => ({ ...column, nullable: column.nullable || loose.has(column.name) })) };
}

function refuseNulls(batch: Batch): void {
  for (const [i, column] of batch.columns.entries()) {
    const vector = batch.vectors[i];
    if (column.nullable || vector === undefined || isWithoutNulls(vector)) continue;
    const rows = Array.from({ length: batch.rowCount }, (_, row) => row).filter((row) => isNullAt(vector, row));
    const [first] = rows;
    if (first === undefined) continue;
    throw new LakefoldError('INVALID_SPINE', `expected a value of ${column.name} in every spine row, found none in ${rows.length}, first row ${first}`, {
      context: { column: column.name },
      errors: rows
        .slice(0, FAULTS_LISTED_MAX)
        .map((row) => ({ row, feature: column.name, code: 'NULL_NOT_ALLOWED', message: `expected a value in ${column.name}, found null` })),
      errorCount: rows.length,
    });
  }
}

/** A typed array without a mark of absent values has none. */
function isWithoutNulls({ nulls, values }: Vector): boolean {
  return nulls === undefined && !Array.isArray(values);
}

async function spineRows(deps: SpineDeps, of: SpineOf, request: TrainingRequest): Promise<SpineRows> {
  const { view } = of;
  const { spine } = request;
  switch (spine.kind) {
    case 'rows':
      return parsed(deps, of, { body: { format: 'objects', rows: spine.rows }, passThrough: [] });
    case 'source':
      return fromSource(deps, of, spine);
    case 'featureGroup':
    case 'root': {
      const source = deps.pinned.get(groupName(spineGroup(view, request) ?? { name: view.name, version: view.version }));
      if (source === undefined) throw new LakefoldError('INTERNAL', 'the group of the spine was not pinned');
      const { startTime, endTime } = spine;
      const asked = spine.kind === 'root' ? { asOf: undefined, where: null } : spine;
      return fromGroup(deps, view, { group: source.group, asOf: asked.asOf ?? { version: source.snapshot.version }, where: asked.where, startTime, endTime });
    }
  }
}

async function fromSource(deps: SpineDeps, of: SpineOf, { source, format }: Extract<SpineRequest, { readonly kind: 'source' }>): Promise<SpineRows> {
  const { view } = of;
  const file = await openSpineFile(deps, source);
  switch (format) {
    case 'parquet': {
      const bytes = await file.readAll();
      const { columns } = await asMalformed(() => deps.codec.describe(bytesSource(bytes)));
      return { ...(await parsed(deps, of, { body: { format, body: bytesSource(bytes) }, passThrough: undeclared(view, columns) })), file: bytes };
    }
    case 'arrow': {
      const bytes = await file.readAll();
      return parsed(deps, of, { body: { format, body: bytes }, passThrough: undeclared(view, await arrowColumns(bytes)) });
    }
    case 'csv':
    case 'ndjson':
      return parsed(deps, of, { body: { format, body: await file.readAll() }, passThrough: [] });
    default:
      throw new LakefoldError('UNSUPPORTED_OPERATION', `expected a spine of format parquet, arrow, csv or ndjson, found ${JSON.stringify(format)}`, {
        context: { field: 'spine.format' },
      });
  }
}

function openSpineFile({ project, ...deps }: SpineDeps, source: SpineSource): Promise<FileSource> {
  if (typeof source === 'string') return deps.openSource(source);
  if (project === undefined) throw new LakefoldError('INTERNAL', 'an upload without its project');
  return openUpload(deps, { project, uploadId: source.uploadId });
}

/** @throws as `checkSpineColumns` and `passThroughColumns` */
function undeclared(view: FeatureViewDefinition, columns: readonly Column[]): readonly Column[] {
  checkSpineColumns(
    view,
    columns.map((column) => column.name),
  );
  return passThroughColumns(view, columns);
}

async function parsed(
  deps: { readonly codec: TableCodec },
  { view, labels }: SpineOf,
  { body, passThrough }: { readonly body: RowsBody; readonly passThrough: readonly Column[] },
): Promise<SpineRows> {
  const columns = [...view.spine.map(inputColumn), ...passThrough];
  const { batch, faults, header } = await parseRows(deps, body, { columns, ignoreUnknown: body.format === 'csv' }).catch(refuseRepeatedName);
  if (header !== undefined) checkSpineColumns(view, header);
  // A faulty cell is null already, which is what such a label time counts as where nulls are taken (P8).
  const all = faults.list();
  const list = labels.onInvalidRow === 'null' ? all.filter((fault) => fault.feature !== labels.labelTime) : all;
  const [first] = list;
  if (first !== undefined) {
    const isLabelTime = list.every((fault) => fault.feature === labels.labelTime);
    throw new LakefoldError(
      isLabelTime ? 'INVALID_LABEL_TIME' : 'INVALID_SPINE',
      `expected ${batch.rowCount} spine rows of the declared types, found ${new Set(list.map(({ row }) => row)).size} with faults, first row ${first.row}: ${first.message}`,
      {
        errors: list,
        errorCount: faults.count - (all.length - list.length),
      },
    );
  }
  return { batch, passThrough: [...passThrough].toSorted((a, b) => (a.name < b.name ? -1 : 1)) };
}

/** A header that names a column twice is, of a spine, a fault of the spine. */
function refuseRepeatedName(cause: unknown): never {
  if (!isLakefoldError(cause, 'MALFORMED_FILE') || cause.context['column'] === undefined) throw cause;
  throw new LakefoldError('INVALID_SPINE', cause.message, { cause, context: cause.context });
}

async function fromGroup(
  deps: SpineDeps,
  view: FeatureViewDefinition,
  from: {
    readonly group: OpenGroup;
    readonly asOf: AsOf;
    readonly startTime: bigint | null;
    readonly endTime: bigint | null;
    readonly where: Parameters<typeof parseFilter>[0];
  },
): Promise<SpineRows> {
  for (const declared of view.spine) {
    const column = from.group.columns.find((candidate) => candidate.name === declared.name);
    if (column === undefined)
      throw new LakefoldError(
        'INVALID_SPINE',
        `expected spine column ${declared.name} in group ${from.group.definition.name}, found ${from.group.columns.map(({ name }) => name).join(', ')}`,
        { context: { column: declared.name } },
      );
    if (formatType(column.type) !== declared.type)
      throw new LakefoldError(
        'INVALID_SPINE',
        `expected ${declared.type} for spine column ${declared.name}, found ${formatType(column.type)} in group ${from.group.definition.name}`,
        { context: { column: declared.name } },
      );
  }
  const { columns, rows } = await readGroup(deps, from.group, {
    features: view.spine.map((column) => column.name),
    asOf: from.asOf,
    ...(from.startTime === null ? {} : { startTime: from.startTime }),
    ...(from.endTime === null ? {} : { endTime: from.endTime }),
    ...(from.where === null ? {} : { where: parseFilter(from.where, from.group.columns) }),
  });
  const batches: Batch[] = [];
  for await (const batch of rows) batches.push(batch);
  return { batch: concatBatches(columns, batches), passThrough: [] };
}

function inputColumn(definition: ColumnDefinition): InputColumn {
  return {
    name: definition.name,
    type: parseType(definition.type),
    nullable: definition.nullable,
    ...(definition.unit === undefined ? {} : { unit: definition.unit }),
  };
}

function labelMicrosOf(batch: Batch, { labelTime, onInvalidRow, missingLabel }: LabelTimes): Vector {
  const type = { kind: 'bigint' } as const;
  const values = new BigInt64Array(batch.rowCount);
  const nulls = new Uint8Array(batch.rowCount);
  if (labelTime === null && missingLabel !== undefined) return { type, length: batch.rowCount, values: values.fill(missingLabel) };
  if (labelTime === null) return { type, length: batch.rowCount, values, nulls: nulls.fill(1) };
  if (!batch.columns.some((column) => column.name === labelTime))
    throw new LakefoldError('INVALID_SPINE', `expected label time ${labelTime} among the spine's columns`, { context: { column: labelTime } });
  const vector = vectorNamed(batch, labelTime);
  if (vector.type.kind !== 'timestamp' && vector.type.kind !== 'date')
    throw new LakefoldError('INVALID_SPINE', `expected a timestamp or date as label time, found ${formatType(vector.type)} in ${labelTime}`, {
      context: { column: labelTime },
    });
  if (vector.type.kind === 'timestamp' && isWithoutNulls(vector)) return { type, length: batch.rowCount, values: vector.values };
  const invalid: number[] = [];
  for (let i = 0; i < batch.rowCount; i += 1) {
    const value = isNullAt(vector, i) ? null : valueAt(vector, i);
    if (value === null && missingLabel !== undefined) {
      values[i] = missingLabel;
    } else if (value === null) {
      nulls[i] = 1;
      invalid.push(i);
    } else {
      values[i] = typeof value === 'bigint' ? value : microsOfDays(Number(value));
    }
  }
  if (invalid.length > 0 && onInvalidRow === 'error') {
    throw new LakefoldError('INVALID_LABEL_TIME', `expected a label time in every spine row, found none in ${invalid.length}, first row ${invalid[0]}`, {
      context: { rows: invalid.slice(0, FAULTS_LISTED_MAX) },
      errors: invalid
        .slice(0, FAULTS_LISTED_MAX)
        .map((row) => ({ row, feature: labelTime, code: 'INVALID_LABEL_TIME', message: 'expected a label time, found null' })),
      errorCount: invalid.length,
    });
  }
  return { type, length: batch.rowCount, values, ...(invalid.length === 0 ? {} : { nulls }) };
}
