/** The library as a vector needs it: stores in memory, a clock that stands still, receive times and publisher turns as told. */
import { join as joinPaths } from 'node:path';
import { LOOKUP_METADATA, parseLines } from '../../cli/conformance/http-driver.ts';
import type { Driver, EditSettings, TrainRequest, TrainedRows } from '../../cli/conformance/driver.ts';
import type { WriteOperation } from '../../cli/conformance/vectors.ts';
import { openScratch } from '../../lib/adapters/fs/scratch.ts';
import { ManualClock } from '../../lib/adapters/memory/clock.ts';
import { MemoryControl } from '../../lib/adapters/memory/control.ts';
import { MemoryObjectStore } from '../../lib/adapters/memory/object-store.ts';
import { MemoryOnlineStore, type OnlineRules } from '../../lib/adapters/memory/online-store.ts';
import { SeededRandom } from '../../lib/adapters/memory/random.ts';
import { silentLog } from '../../lib/adapters/system/log.ts';
import { rowAt } from '../../lib/core/batch.ts';
import { decodeUtf8, utf8 } from '../../lib/core/bytes.ts';
import { canonicalRow } from '../../lib/core/canonical.ts';
import { hashOf } from '../../lib/core/hash.ts';
import { isJsonObject, type Json, type JsonObject, parseJson, stringifyJson } from '../../lib/core/json.ts';
import { joinPath } from '../../lib/core/path.ts';
import type { Idempotency } from '../../lib/delta/write/write-outcome.ts';
import type { FeatureDeps } from '../../lib/features/deps.ts';
import { knownMerge } from '../../lib/features/publish/fold-source.ts';
import { publishIfWanted } from '../../lib/features/ingest/ingest.ts';
import { ingestRows } from '../../lib/features/ingest/ingest-rows.ts';
import { deleteRows, publishRows, restoreRows } from '../../lib/features/history/manage-rows.ts';
import type { OpenGroup } from '../../lib/features/open-group.ts';
import { parseDelete } from '../../lib/features/history/parse-delete.ts';
import { parseRows } from '../../lib/features/ingest/parse-rows.ts';
import { Projects } from '../../lib/features/definitions/projects.ts';
import { publishGroup } from '../../lib/features/publish/publish-group.ts';
import { readGroup } from '../../lib/features/history/read-rows.ts';
import { commitReceipt } from '../../lib/features/ingest/receipt.ts';
import { withReceipts } from '../../lib/features/ingest/receipt-time.ts';
import { inputColumns } from '../../lib/features/ingest/received-rows.ts';
import { settle } from '../../lib/features/ingest/settle.ts';
import { createTrainingDataset } from '../../lib/features/training/create-dataset.ts';
import { datasetDirectory } from '../../lib/features/training/dataset-files.ts';
import { parseTrainingRequest } from '../../lib/features/training/request.ts';
import { parseVectorsBody } from '../../lib/online/vector-request.ts';
import { getVectors } from '../../lib/online/vectors.ts';
import { vectorsBody } from '../../lib/online/vectors-body.ts';
import { compileView } from '../../lib/online/view-plan.ts';
import { WatermarkCache } from '../../lib/online/watermark-cache.ts';
import type { Engine } from '../../lib/ports/engine.ts';
import type { OnlineStore, OnlineWrite } from '../../lib/ports/online-store.ts';
import { featureViewOf } from '../../lib/registry/state.ts';
import { openParquetCodec } from '../support/embedded.ts';

/** The project that vectors of the library run in. */
export const PROJECT = 'vectors';
const IDEMPOTENCY_WINDOW_MILLIS = 7 * 86_400_000;

/** Where a vector's objects and items are kept. */
export type Backends = Pick<FeatureDeps, 'store' | 'online' | 'control'>;

/** What vectors share: the engine, a folder for its files, and the backends, which are in memory unless given. */
export interface LibraryParts {
  readonly engine: Engine;
  readonly directory: string;
  readonly backends?: (clock: ManualClock) => Backends;
}

/** `nowMicros`: the instant at which the clock stands; `onlineRules`: those of a store that is wrong on purpose. */
export interface LibraryWorldAt {
  readonly nowMicros: bigint;
  readonly name: string;
  readonly onlineRules?: Partial<OnlineRules>;
}

/** What a driver of the library stands on, for others to stand on it too. */
export interface LibraryWorld {
  readonly deps: FeatureDeps & { readonly clock: ManualClock };
  readonly driver: Driver;
}

/** A store of its own for one vector. */
export async function libraryDriver(parts: LibraryParts, at: LibraryWorldAt): Promise<Driver> {
  return (await libraryWorld(parts, at)).driver;
}

/** As `libraryDriver`, with its backends. */
export async function libraryWorld(parts: LibraryParts, at: LibraryWorldAt): Promise<LibraryWorld> {
  const clock = new ManualClock({ startMillis: Number(at.nowMicros / 1000n), sleeping: 'skip' });
  const later: Promise<void>[] = [];
  const inMemory = (): Backends => ({
    store: new MemoryObjectStore({ clock }),
    online: new MemoryOnlineStore({ rules: at.onlineRules ?? {} }),
    control: new MemoryControl(),
  });
  const backends = parts.backends?.(clock) ?? inMemory();
  const sent = new ResendingOnlineStore(backends.online);
  const deps: LibraryWorld['deps'] = {
    ...backends,
    clock,
    random: new SeededRandom(1),
    log: silentLog,
    engineInfo: 'lakefold/test',
    codec: openParquetCodec(),
    online: sent.online,
    background: { run: (_, task) => void later.push(task()) },
  };
  const projects = new Projects(deps);
  await projects.create(PROJECT);
  const scratch = openScratch(joinPaths(parts.directory, at.name));
  const open = (name: string): Promise<OpenGroup> => projects.group(PROJECT, name, 1);
  const edit = async (
    settings: EditSettings,
    body: Json,
  ): Promise<{ readonly group: OpenGroup; readonly wait: 'commit' | 'online'; readonly idempotency?: Idempotency }> => {
    const group = await open(settings.group);
    const { idempotencyKey } = settings;
    const idempotency: Idempotency | undefined =
      idempotencyKey === undefined
        ? undefined
        : { kind: 'request', key: idempotencyKey, bodyHash: hashOf(utf8(stringifyJson(body))), windowMillis: IDEMPOTENCY_WINDOW_MILLIS };
    return { group, wait: settings.wait ?? (group.definition.onlineEnabled ? 'online' : 'commit'), ...(idempotency === undefined ? {} : { idempotency }) };
  };
  const driver: Driver = {
    define: async ({ groups, view }) => {
      for (const group of groups) await projects.createGroup(PROJECT, group);
      await projects.createView(PROJECT, view);
    },
    write: async (rows, settings) => {
      const { group, ...options } = await edit(settings, ['write', settings.operation, rows]);
      if (settings.receivedMicros !== undefined)
        return writeReceived(deps, group, { rows, operation: settings.operation, receivedMicros: settings.receivedMicros });
      return jsonOf(await ingestRows(deps, group, { rows: { format: 'objects', rows }, operation: settings.operation, ...options }));
    },
    remove: async (keys, settings) => {
      const { group, ...options } = await edit(settings, ['delete', keys]);
      return jsonOf(await deleteRows(deps, group, parseDelete(group, { keys }), options));
    },
    restore: async (toVersion, settings) => {
      const { group, ...options } = await edit(settings, ['restore', toVersion]);
      return jsonOf(await restoreRows(deps, group, { version: toVersion }, options));
    },
    publish: async (name, to) => {
      const group = await open(name);
      if (to === 'head') return jsonOf(await publishRows(deps, group));
      const published = await publishGroup(deps, group, { to });
      return jsonOf({ from: published.from, to: published.to, ...published.counts });
    },
    resend: async (_, version) => sent.resend(version),
    read: async (name, asOf) => readObjects(deps, await open(name), asOf),
    lookUp: async (view, entries) => {
      const { state } = await projects.registry(PROJECT);
      const plan = compileView({ project: PROJECT, view: featureViewOf(state, view, 1).definition, groups: state.featureGroups, functions: new Map() });
      const request = parseVectorsBody({ entries, metadata: LOOKUP_METADATA });
      return vectorsBody({ plan, request, vectors: await getVectors({ ...deps, watermarks: new WatermarkCache() }, { plan, request }) });
    },
    train: async (request) =>
      train(
        { ...deps, ...parts, scratch, functions: new Map(), openGroup: open, openSource: () => Promise.reject(new Error('a vector brings its spine as rows')) },
        projects,
        request,
      ),
    close: async () => void (await Promise.all(later)),
  };
  return { deps, driver };
}

type TrainDeps = Parameters<typeof createTrainingDataset>[0];

async function train(deps: TrainDeps, projects: Projects, { view: name, body }: TrainRequest): Promise<TrainedRows> {
  const view = featureViewOf((await projects.registry(PROJECT)).state, name, 1);
  const dataset = await createTrainingDataset(deps, { project: PROJECT, view, request: parseTrainingRequest(body) });
  const path = dataset.splits[0]?.files[0]?.path ?? '';
  const object = await deps.store.get(joinPath(datasetDirectory(PROJECT, view.definition), String(dataset.trainingDataset), path));
  return { manifest: jsonOf(dataset), rows: parseLines(decodeUtf8(object?.bytes ?? new Uint8Array()) ?? '') };
}

/** Commits rows whose receive time is given, as a writer does that received them then and commits only now. */
async function writeReceived(
  deps: FeatureDeps,
  group: OpenGroup,
  write: { readonly rows: readonly JsonObject[]; readonly operation: WriteOperation; readonly receivedMicros: bigint },
): Promise<JsonObject> {
  if (write.operation === 'overwrite') throw new Error('expected receivedAt with append or upsert, found it with overwrite');
  const { batch } = await parseRows(deps, { format: 'objects', rows: write.rows }, { columns: inputColumns(group.definition) });
  const keys = group.keyColumns.map((column) => column.name);
  const eventTime = group.eventTime?.name;
  const identity = eventTime === undefined ? keys : [...keys, eventTime];
  const rows = withReceipts(batch, write.receivedMicros, write.operation === 'append' ? identity : undefined);
  const { outcome, added } =
    write.operation === 'append'
      ? await group.table.append(rows, { sortBy: identity })
      : await group.table.upsert(rows, { keys, ...(eventTime === undefined ? {} : { eventTime }) });
  const facts = await settle(deps, group.table.root, { outcome, rejected: 0 });
  if (facts === undefined) throw new Error('expected a commit of rows received earlier');
  const online = await publishIfWanted(deps, group, {
    facts,
    wait: 'online',
    known: knownMerge({ version: facts.version, committedAt: facts.committedAt, rows: added }),
  });
  return jsonOf({ commit: commitReceipt(write.operation, facts), online });
}

async function readObjects(deps: FeatureDeps, group: OpenGroup, asOf: number | undefined): Promise<readonly JsonObject[]> {
  const { columns, rows } = await readGroup(deps, group, asOf === undefined ? {} : { asOf: { version: asOf } });
  const objects: JsonObject[] = [];
  for await (const batch of rows) for (let i = 0; i < batch.rowCount; i += 1) objects.push(...parseLines(canonicalRow(columns, rowAt(batch, i))));
  return objects;
}

/** Remembers what every commit wrote, so that a publisher that was held up can land its writes late. */
class ResendingOnlineStore {
  readonly #inner: OnlineStore;
  readonly #sent = new Map<number, (() => Promise<readonly OnlineWrite[]>)[]>();

  constructor(inner: OnlineStore) {
    this.#inner = inner;
  }

  /** The store, with its writes remembered. */
  get online(): OnlineStore {
    const inner = this.#inner;
    return {
      merge: async (table, rows, options) => {
        for (const commit of new Set(rows.map((row) => row.commit)))
          this.#remember(commit, () =>
            inner.merge(
              table,
              rows.filter((row) => row.commit === commit),
            ),
          );
        return inner.merge(table, rows, options);
      },
      edit: async (table, edits, options) => {
        for (const version of new Set(edits.map((edit) => edit.version)))
          this.#remember(version, () =>
            inner.edit(
              table,
              edits.filter((edit) => edit.version === version),
            ),
          );
        return inner.edit(table, edits, options);
      },
      read: (request, options) => inner.read(request, options),
      load: (table, rows, options) => inner.load(table, rows, options),
      heal: (table, heals, options) => inner.heal(table, heals, options),
      clear: (table, options) => inner.clear(table, options),
      watermark: (table, options) => inner.watermark(table, options),
      moveWatermark: (table, move, options) => inner.moveWatermark(table, move, options),
      forget: (table, keys, options) => inner.forget(table, keys, options),
      scan: (table, options) => inner.scan(table, options),
      close: () => inner.close(),
    };
  }

  async resend(version: number): Promise<void> {
    const sent = this.#sent.get(version);
    if (sent === undefined) throw new Error(`expected online writes of commit ${version}, found none`);
    for (const send of sent) await send();
  }

  #remember(version: number, send: () => Promise<readonly OnlineWrite[]>): void {
    this.#sent.set(version, [...(this.#sent.get(version) ?? []), send]);
  }
}

/** As a route would answer it. */
function jsonOf(value: object): JsonObject {
  const json = parseJson(stringifyJson(value));
  if (!isJsonObject(json)) throw new Error('expected an object');
  return json;
}
