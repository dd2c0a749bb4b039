/** Small worlds for point-in-time joins: a group written step by step, a view with two joins over it, and what brute force says of them. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as joinPaths } from 'node:path';
import { openDuckDbEngine } from '../../lib/adapters/duckdb/engine.ts';
import { openScratch } from '../../lib/adapters/fs/scratch.ts';
import { type Batch, batchOfRows, concatBatches, rowAt, rowsOf as valuesOfRows } from '../../lib/core/batch.ts';
import { compareBytes, utf8 } from '../../lib/core/bytes.ts';
import { hashText, startPortableSha256 } from '../../lib/core/hash.ts';
import { isJsonObject, type Json, type JsonObject } from '../../lib/core/json.ts';
import { formatInstant, instant } from '../../lib/core/time.ts';
import type { Column, Value } from '../../lib/core/types.ts';
import { contentDigest, lastPerIdentity } from '../../lib/delta/write/upsert.ts';
import { publishRows } from '../../lib/features/history/manage-rows.ts';
import type { OpenGroup } from '../../lib/features/open-group.ts';
import { parseDelete } from '../../lib/features/history/parse-delete.ts';
import { Projects } from '../../lib/features/definitions/projects.ts';
import { snapshotStatistics } from '../../lib/features/statistics/snapshot-statistics.ts';
import { withReceipts } from '../../lib/features/ingest/receipt-time.ts';
import { type BuiltRows, buildRows, type TrainingDeps } from '../../lib/features/training/build-rows.ts';
import { splitLine } from '../../lib/features/training/dataset-files.ts';
import type { JoinCounts } from '../../lib/features/training/finish-rows.ts';
import { pinGroups } from '../../lib/features/training/join-plan.ts';
import { keepJoinedRows } from '../../lib/features/training/joined-rows.ts';
import { parseTrainingRequest } from '../../lib/features/training/request.ts';
import { builtRows, type SetRows } from '../../lib/features/training/set-rows.ts';
import { readSpine } from '../../lib/features/training/spine.ts';
import type { FittedTransform } from '../../lib/online/model-transform.ts';
import { TransformedViews } from '../../lib/online/transformed-views.ts';
import { parseVectorsBody } from '../../lib/online/vector-request.ts';
import { getVectors } from '../../lib/online/vectors.ts';
import { vectorsBody } from '../../lib/online/vectors-body.ts';
import { compileView } from '../../lib/online/view-plan.ts';
import { WatermarkCache } from '../../lib/online/watermark-cache.ts';
import type { Engine } from '../../lib/ports/engine.ts';
import { bytesSource } from '../../lib/ports/table-codec.ts';
import { collectDefinitions } from '../../lib/registry/collect-definitions.ts';
import { t } from '../../lib/registry/column-builder.ts';
import { featureView, onDemand } from '../../lib/registry/define-view.ts';
import { featureViewOf } from '../../lib/registry/state.ts';
import { memoryParts, NOW } from './api.ts';

/** Times are seconds; 60 is now. */
export type Row = readonly [key: string, event: number, value: number | null];
export type Step =
  | { readonly kind: 'append' | 'upsert'; readonly receipt: number; readonly rows: readonly Row[] }
  | { readonly kind: 'delete'; readonly key: string; readonly event: number | undefined };

export interface JoinSpec {
  readonly temporal: boolean;
  readonly boundary: 'inclusive' | 'exclusive';
  readonly delay: number;
  readonly lookback: number | undefined;
  /** Least value that passes. */
  readonly filter: number | undefined;
  readonly default: number | undefined;
}

export interface World {
  readonly isGlobal: boolean;
  readonly ttl: number | undefined;
  readonly joins: readonly [JoinSpec, JoinSpec];
  readonly steps: readonly Step[];
}

export type SpineRow = readonly [key: string | null, label: number | null];
export type KnownAsOf = 'labelTime' | number | undefined;
/** By join: value after the default, and status. */
export type Outcome = readonly (readonly [value: Value, status: string])[];

export const NOW_SECONDS = 60;
const ORIGIN = instant(NOW) - BigInt(NOW_SECONDS) * 1_000_000n;
const COLUMNS: readonly Column[] = [
  { name: 'k', type: { kind: 'string' }, nullable: false },
  { name: 'at', type: { kind: 'timestamp' }, nullable: false },
  { name: 'v', type: { kind: 'int' }, nullable: true },
];
const NAMES = ['a', 'b'] as const;

const twice = onDemand({ name: 'twice', inputs: { a_v: t.int() }, returns: t.int(), compute: ({ a_v: value }) => value * 2 });
const FUNCTIONS = collectDefinitions({
  functions: featureView({ name: 'functions', version: 1, spine: { k: t.string() }, joins: [], onDemand: [twice] }),
}).functions;

function micros(seconds: number): bigint {
  return ORIGIN + BigInt(seconds) * 1_000_000n;
}

/** An engine with a folder, for many worlds. */
export interface WorldParts {
  readonly engine: Engine;
  readonly directory: string;
  readonly close: () => Promise<void>;
}

/** How long a version stays readable at least. */
const DAYS_KEPT = 30;
const DAY_MILLIS = 86_400_000;

let worlds = 0;

export async function openWorldParts(): Promise<WorldParts> {
  const directory = await mkdtemp(joinPaths(tmpdir(), 'lakefold-world-'));
  const engine = await openDuckDbEngine({ scratchDirectory: directory, threads: 1 });
  const close = async (): Promise<void> => {
    await engine.close();
    await rm(directory, { recursive: true, force: true });
  };
  return { engine, directory, close };
}

/** What a training set is, whoever wrote it. */
export interface WrittenSet {
  readonly contentHash: string;
  readonly counts: readonly JoinCounts[];
  /** Of each split, as the file has them. */
  readonly rows: readonly (readonly (readonly Value[])[])[];
}

/** A world carried out on stores in memory. */
export interface OpenWorld {
  readonly group: OpenGroup;
  train(spine: readonly SpineRow[], knownAsOf?: KnownAsOf): Promise<readonly Outcome[]>;
  /**
   * The set without the function, once built row by row and once joined, kept and written by the engine: what each hashes and counts, and
   * the written rows.
   */
  written(spine: readonly SpineRow[], request?: JsonObject): Promise<{ readonly built: WrittenSet; readonly kept: WrittenSet }>;
  /** Value of the on-demand function, by row. */
  functionValues(spine: readonly SpineRow[]): Promise<readonly Value[]>;
  /** Publishes and looks the keys up: values of the joins, then of the function; transformed where there is something fitted. */
  lookUp(keys: readonly string[], fitted?: readonly FittedTransform[]): Promise<readonly (readonly Json[])[]>;
  /** What the view's transforms are fitted with on these rows. */
  fit(spine: readonly SpineRow[]): Promise<readonly FittedTransform[]>;
  /** Transformed values of the joins, then of the function. */
  transformed(spine: readonly SpineRow[], fitted: readonly FittedTransform[]): Promise<readonly (readonly Json[])[]>;
  /** All that changes no row: compaction, a checkpoint, statistics; then vacuum of what no retained version needs. */
  maintain(): Promise<void>;
  write(step: Step): Promise<void>;
}

export async function openWorld(parts: WorldParts, world: World): Promise<OpenWorld> {
  const memory = memoryParts();
  // Worlds give their files the same names.
  const scratch = openScratch(joinPaths(parts.directory, String((worlds += 1))));
  const projects = new Projects(memory);
  await projects.create('w');
  await projects.createGroup('w', groupDefinition(world));
  await projects.createView('w', viewDefinition(world));
  const group = await projects.group('w', 'f', 1);
  const { state } = await projects.registry('w');
  const view = featureViewOf(state, 'm', 1).definition;
  const deps: TrainingDeps = {
    ...memory,
    engine: parts.engine,
    scratch,
    functions: FUNCTIONS,
    openGroup: async () => group,
    openSource: () => Promise.reject(new Error('a world brings its spine as rows')),
  };
  type Transforms = 'none' | 'fit' | readonly FittedTransform[];
  const build = async (spine: readonly SpineRow[], knownAsOf: KnownAsOf, transforms: Transforms): Promise<BuiltRows> => {
    const rows = spine.map(([k, label]): Json => ({ k, t: label === null ? null : formatInstant(micros(label)) }));
    const known = typeof knownAsOf === 'number' ? formatInstant(micros(knownAsOf)) : (knownAsOf ?? null);
    const request = parseTrainingRequest({ spine: { rows }, knownAsOf: known, onInvalidRow: 'null', diagnostics: true });
    const pinned = await pinGroups(view, { pins: {}, asOfTime: null, rowsFrom: undefined }, deps.openGroup);
    return buildRows(deps, { view, request, spine: await readSpine({ ...deps, pinned }, view, request), pinned, transforms });
  };
  const built = async (spine: readonly SpineRow[], knownAsOf: KnownAsOf, transforms: Transforms = 'none'): Promise<readonly JsonObject[]> => {
    const { splits } = await build(spine, knownAsOf, transforms);
    const batch = concatBatches(
      splits[0]?.batch.columns ?? [],
      splits.map((split) => split.batch),
    );
    return Array.from({ length: batch.rowCount }, (_, i) =>
      Object.fromEntries(rowAt(batch, i).map((value, c) => [batch.columns[c]?.name ?? '', value as Json])),
    );
  };
  const plain = { ...view, onDemand: [], transforms: {} };
  const open: OpenWorld = {
    group,
    written: async (spine, sent = {}) => {
      const rows = spine.map(([k, label]): Json => ({ k, t: label === null ? null : formatInstant(micros(label)) }));
      const request = parseTrainingRequest({ spine: { rows }, onInvalidRow: 'null', ...sent });
      const pinned = await pinGroups(plain, { pins: {}, asOfTime: null, rowsFrom: undefined }, deps.openGroup);
      const input = { view: plain, request, spine: await readSpine({ ...deps, pinned }, plain, request), pinned, transforms: 'none' as const };
      const kept = await keepJoinedRows(deps, input);
      if (kept === undefined) throw new Error('expected rows the engine writes');
      return { built: await writtenSet(deps, await builtRows(deps, input)), kept: await writtenSet(deps, kept) };
    },
    train: async (spine, knownAsOf) =>
      (await built(spine, knownAsOf)).map((row) => NAMES.map((name) => [(row[`${name}_v`] ?? null) as Value, row[`_status_${name}`] as string] as const)),
    functionValues: async (spine) => (await built(spine, undefined)).map((row) => (row['twice'] ?? null) as Value),
    write: (step) => write(group, step),
    fit: async (spine) => (await build(spine, undefined, 'fit')).transforms,
    transformed: async (spine, fitted) => (await built(spine, undefined, fitted)).map((row) => ['a_v', 'b_v', 'twice'].map((name): Json => row[name] ?? null)),
    maintain: async () => {
      await group.table.optimize({ where: { kind: 'and', filters: [] } });
      await group.table.maintainLog();
      await snapshotStatistics(memory, group, {});
      await memory.clock.advance(DAYS_KEPT * DAY_MILLIS + 1);
      await group.table.vacuum({ retentionMillis: DAYS_KEPT * DAY_MILLIS, dryRun: false, force: false, scope: 'full' });
    },
    lookUp: async (keys, fitted) => {
      await publishRows(memory, group);
      const untransformed = compileView({ project: 'w', view, groups: state.featureGroups, functions: new Map([['twice', twice.compute]]) });
      const views = new TransformedViews({ fittedTransforms: async () => fitted ?? [], ownApply: () => undefined });
      const plan = fitted === undefined ? untransformed : await views.plan(untransformed, { project: 'w', name: 'm', version: 1, trainingDataset: 1 });
      const request = parseVectorsBody({ entries: keys.map((k) => (world.isGlobal ? {} : { k })) });
      const body = vectorsBody({ plan, request, vectors: await getVectors({ ...memory, watermarks: new WatermarkCache() }, { plan, request }) });
      const json: unknown = JSON.parse(JSON.stringify(body));
      const features = isJsonObject(json as Json) ? (json as JsonObject)['features'] : [];
      return features as readonly (readonly Json[])[];
    },
  };
  for (const step of world.steps) await write(group, step);
  return open;
}

async function writtenSet(deps: Pick<TrainingDeps, 'codec'>, set: SetRows): Promise<WrittenSet> {
  const content = startPortableSha256();
  const rows: (readonly (readonly Value[])[])[] = [];
  try {
    for (const { name, encode } of set.splits) {
      content.update(utf8(splitLine(name)));
      const { bytes } = await encode({ described: [], onPiece: content.update });
      const batches: Batch[] = [];
      for await (const { batch } of deps.codec.decode(bytesSource(bytes), { columns: set.columns })) batches.push(batch);
      rows.push(batches.flatMap(valuesOfRows));
    }
  } finally {
    await set.close();
  }
  return { contentHash: hashText(content.digest()), counts: set.joinCounts, rows };
}

function groupDefinition(world: World): JsonObject {
  return {
    name: 'f',
    version: 1,
    schema: [
      { name: 'k', type: 'string' },
      { name: 'at', type: 'timestamp' },
      { name: 'v', type: 'int', nullable: true },
    ],
    primaryKey: world.isGlobal ? [] : ['k'],
    eventTime: 'at',
    onlineEnabled: true,
    ...(world.ttl === undefined ? {} : { ttl: `PT${world.ttl}S` }),
  };
}

function viewDefinition(world: World): JsonObject {
  return {
    name: 'm',
    version: 1,
    spine: [
      { name: 'k', type: 'string', nullable: true },
      { name: 't', type: 'timestamp', nullable: true },
    ],
    labelTime: 't',
    joins: world.joins.map((join, i) => ({
      featureGroup: 'f',
      version: 1,
      features: ['v'],
      prefix: `${NAMES[i] ?? ''}_`,
      temporal: join.temporal,
      boundary: join.boundary,
      ...(join.delay === 0 ? {} : { availabilityDelay: `PT${join.delay}S` }),
      ...(join.lookback === undefined ? {} : { lookback: `PT${join.lookback}S` }),
      ...(join.filter === undefined ? {} : { filter: { column: 'v', op: '>=', value: join.filter } }),
      ...(join.default === undefined ? {} : { defaults: { v: join.default } }),
    })),
    onDemand: [twice.json],
    // Applied only where a training set, or rows, were fitted for them.
    transforms: { a_v: { function: 'standard_scaler' }, b_v: { function: 'min_max_scaler' }, twice: { function: 'quantile_binner', arguments: { bins: 3 } } },
  };
}

async function write(group: OpenGroup, step: Step): Promise<void> {
  const keys = group.keyColumns.map((column) => column.name);
  if (step.kind === 'delete') {
    if (keys.length === 0 && step.event === undefined) return;
    const at = step.event === undefined ? {} : { at: formatInstant(micros(step.event)) };
    await group.table.delete(parseDelete(group, { keys: [{ ...(keys.length === 0 ? {} : { k: step.key }), ...at }] }));
    return;
  }
  const rows = receivedRows(group, step);
  if (step.kind === 'append') await group.table.append(rows, { sortBy: [...keys, 'at'] });
  else await group.table.upsert(rows, { keys, eventTime: 'at' });
}

function receivedRows(group: Pick<OpenGroup, 'keyColumns'>, step: Exclude<Step, { kind: 'delete' }>): ReturnType<typeof withReceipts> {
  const keys = group.keyColumns.map((column) => column.name);
  const batch = batchOfRows(
    // Keys first, as tables have them.
    [
      ...COLUMNS.filter(({ name }) => keys.includes(name)),
      ...COLUMNS.filter(({ name }) => name === 'at'),
      ...COLUMNS.filter(({ name }) => name !== 'at' && !keys.includes(name)),
    ],
    step.rows.map(([k, event, v]) => (keys.length === 0 ? [micros(event), k, v] : [k, micros(event), v])),
  );
  const identity = [...keys, 'at'];
  return step.kind === 'append'
    ? withReceipts(batch, micros(step.receipt), identity)
    : withReceipts(lastPerIdentity(batch, identity).batch, micros(step.receipt), undefined);
}

interface Stored {
  readonly key: string;
  readonly event: number;
  readonly value: number | null;
  readonly receipt: bigint;
  readonly digest: Uint8Array;
}

/** A record's rows: those it has, before them those each replacement took out, oldest first. */
type Chain = Stored[][];

const greater = (a: Stored, b: Stored): boolean =>
  a.event !== b.event ? a.event > b.event : a.receipt !== b.receipt ? a.receipt > b.receipt : compareBytes(a.digest, b.digest) > 0;
const greatest = (rows: readonly Stored[]): Stored | undefined =>
  rows.reduce<Stored | undefined>((best, row) => (best === undefined || greater(row, best) ? row : best), undefined);

/** What the steps leave, row by row. */
function chainsOf(world: World): ReadonlyMap<string, Chain> {
  const chains = new Map<string, Chain>();
  const identityOf = (key: string, event: number): string => (world.isGlobal ? String(event) : `${key} ${event}`);
  const group = { keyColumns: world.isGlobal ? [] : COLUMNS.slice(0, 1) };
  for (const step of world.steps) {
    if (step.kind === 'delete') {
      for (const identity of chains.keys())
        if (!world.isGlobal && (step.event === undefined ? identity.startsWith(`${step.key} `) : identity === identityOf(step.key, step.event)))
          chains.delete(identity);
        else if (world.isGlobal && step.event !== undefined && identity === String(step.event)) chains.delete(identity);
      continue;
    }
    const batch = receivedRows(group, step);
    for (let i = 0; i < batch.rowCount; i += 1) {
      const values = Object.fromEntries(rowAt(batch, i).map((value, c) => [batch.columns[c]?.name ?? '', value]));
      const event = Number((BigInt(values['at'] as bigint) - ORIGIN) / 1_000_000n);
      const row = {
        key: String(values['k']),
        event,
        value: values['v'] as number | null,
        receipt: values['_ingested_at'] as bigint,
        digest: contentDigest(batch, i),
      };
      const chain = chains.get(identityOf(row.key, event)) ?? [[]];
      const current = chain.at(-1) ?? [];
      if (step.kind === 'append') current.push(row);
      else if (!current.some((other) => greater(other, row))) chain.push([row]);
      chains.set(identityOf(row.key, event), chain);
    }
  }
  return chains;
}

/** The oracle: for one row of the spine and one join, what brute force finds. */
export function expectedOutcome(world: World, join: JoinSpec, [key, label]: SpineRow, knownAsOf: KnownAsOf): readonly [value: Value, status: string] {
  const missing = join.default ?? null;
  if ((key === null && !world.isGlobal) || (label === null && (join.temporal || knownAsOf === 'labelTime'))) return [missing, 'NOT_FOUND'];
  const known = knownAsOf === 'labelTime' ? label : knownAsOf;
  const knownOf = (chain: Chain): Stored | undefined =>
    chain.toReversed().flatMap((rows) => greatest(rows.filter((row) => known === undefined || known === null || row.receipt <= micros(known))) ?? [])[0];
  const rows = [...chainsOf(world).values()].flatMap((chain) => knownOf(chain) ?? []).filter((row) => world.isGlobal || row.key === key);
  const latest = (label ?? 0) - join.delay - (join.boundary === 'exclusive' ? 1e-6 : 0);
  const winner = greatest(rows.filter((row) => !join.temporal || row.event <= latest));
  if (winner === undefined) return [missing, 'NOT_FOUND'];
  const lookback = Math.min(join.lookback ?? Infinity, world.ttl ?? Infinity);
  if (join.temporal && winner.event < (label ?? 0) - lookback) return [missing, 'EXPIRED'];
  return join.filter !== undefined && !(winner.value !== null && winner.value >= join.filter) ? [missing, 'NOT_FOUND'] : [winner.value, 'PRESENT'];
}
