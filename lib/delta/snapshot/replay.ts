/**
 * A table's state from its log (PROTOCOL.md, "Action Reconciliation"): pure, and cheap for one commit on a large table.
 *
 * Newest wins: protocol, metadata, each txn, each domain, each file. Within a commit removals come before additions.
 */
import { LakefoldError } from '../../core/errors.ts';
import { tableVersion } from '../../core/version.ts';
import type { AddFile, DomainMetadata, LogEntry, Metadata, Protocol, RemoveFile, Txn } from '../actions/actions.ts';
import { dvUniqueId } from '../rows/deletion-vector.ts';
import { OverlayMap } from './overlay-map.ts';
import { checkReadable } from '../actions/protocol.ts';
import { parseSchema } from '../schema/schema.ts';
import type { Snapshot, TableColumn } from './snapshot-state.ts';
import { commitTime, laterThan } from './time-travel.ts';
import { commitInfoOf } from '../actions/commit-info.ts';

/** A state that may still lack protocol or metadata: what a checkpoint alone gives. A `Snapshot` is one. */
export interface PartialState {
  readonly version: number;
  readonly committedAt: number;
  readonly protocol: Protocol | undefined;
  readonly metadata: Metadata | undefined;
  readonly columns?: readonly TableColumn[];
  readonly files: ReadonlyMap<string, AddFile>;
  readonly tombstones: ReadonlyMap<string, RemoveFile>;
  readonly txns: ReadonlyMap<string, Txn>;
  readonly domains: ReadonlyMap<string, DomainMetadata>;
  readonly checkpointVersion: number | undefined;
}

/** Key of a tombstone. */
export function tombstoneKey(file: AddFile | RemoveFile): string {
  return `${file.path}\0${dvUniqueId(file.deletionVector)}`;
}

/**
 * The snapshot after `entries`, which follow `base` without a gap (from version 0 without a base).
 *
 * `fileTimes`: modification time of the entries' files by version, epoch ms.
 * @throws LakefoldError LOG_GAP, LOG_MISSING_PROTOCOL, LOG_MISSING_METADATA, INVALID_PROTOCOL, UNSUPPORTED_TABLE_FEATURE
 */
export function replay(base: PartialState | undefined, entries: readonly LogEntry[], fileTimes: ReadonlyMap<number, number>): Snapshot {
  const changes = new Changes(base);
  for (const entry of entries) changes.apply(entry, fileTimes);
  return changes.finish();
}

type Edits<V> = Map<string, V | undefined>;

class Changes {
  readonly #base: PartialState | undefined;
  #version: number;
  #committedAt: number | undefined;
  #protocol: Protocol | undefined;
  #metadata: Metadata | undefined;
  readonly #files: Edits<AddFile> = new Map();
  readonly #tombstones: Edits<RemoveFile> = new Map();
  readonly #txns: Edits<Txn> = new Map();
  readonly #domains: Edits<DomainMetadata> = new Map();

  constructor(base: PartialState | undefined) {
    this.#base = base;
    this.#version = base?.version ?? -1;
    this.#committedAt = base?.committedAt;
    this.#protocol = base?.protocol;
    this.#metadata = base?.metadata;
  }

  apply(entry: LogEntry, fileTimes: ReadonlyMap<number, number>): void {
    const first = entry.compacted?.from ?? entry.version;
    if (first !== this.#version + 1) {
      throw new LakefoldError('LOG_GAP', `expected version ${this.#version + 1} next, found ${first}`, { context: { version: this.#version + 1 } });
    }
    this.#version = entry.version;
    this.#committedAt = this.#timeOf(entry, fileTimes);
    for (const action of entry.actions) if (action.kind === 'remove') this.#remove(action);
    for (const action of entry.actions) {
      switch (action.kind) {
        case 'add':
          this.#add(action);
          break;
        case 'protocol':
          this.#protocol = action;
          break;
        case 'metaData':
          this.#metadata = action;
          break;
        case 'txn':
          this.#txns.set(action.appId, action);
          break;
        case 'domainMetadata':
          this.#domains.set(action.domain, action.removed ? undefined : action);
          break;
        default:
          break;
      }
    }
  }

  finish(): Snapshot {
    const base = this.#base;
    const protocol = this.#protocol;
    const metadata = this.#metadata;
    if (protocol === undefined)
      throw new LakefoldError('LOG_MISSING_PROTOCOL', `expected a protocol action by version ${this.#version}, found none`, {
        context: { version: this.#version },
      });
    if (metadata === undefined)
      throw new LakefoldError('LOG_MISSING_METADATA', `expected a metaData action by version ${this.#version}, found none`, {
        context: { version: this.#version },
      });
    // Checked before the schema is read: an unknown feature may be why a type is unknown.
    if (protocol !== base?.protocol || metadata !== base.metadata || base.columns === undefined) checkReadable(protocol, metadata);
    const sameSchema = base?.columns !== undefined && base.metadata?.schemaString === metadata.schemaString;
    return {
      version: tableVersion(this.#version),
      committedAt: this.#committedAt ?? 0,
      protocol,
      metadata,
      columns: sameSchema && base.columns !== undefined ? base.columns : parseSchema(metadata.schemaString),
      files: edited(base?.files, this.#files),
      tombstones: edited(base?.tombstones, this.#tombstones),
      txns: edited(base?.txns, this.#txns),
      domains: edited(base?.domains, this.#domains),
      checkpointVersion: base?.checkpointVersion,
    };
  }

  #timeOf(entry: LogEntry, fileTimes: ReadonlyMap<number, number>): number {
    const { compacted } = entry;
    if (compacted === undefined) return commitTime(commitInfoOf(entry.actions), fileTimes.get(entry.version), this.#committedAt);
    return compacted.times.reduce<number>((time, stated, i) => laterThan(stated ?? fileTimes.get(compacted.from + i), time), this.#committedAt ?? 0);
  }

  #add(add: AddFile): void {
    set(this.#files, add.path, add);
    this.#tombstones.set(tombstoneKey(add), undefined);
  }

  #remove(remove: RemoveFile): void {
    const live = this.#files.has(remove.path) ? this.#files.get(remove.path) : this.#base?.files.get(remove.path);
    if (live !== undefined && dvUniqueId(live.deletionVector) === dvUniqueId(remove.deletionVector)) this.#files.set(remove.path, undefined);
    set(this.#tombstones, tombstoneKey(remove), remove);
  }
}

/** Last set, last in order. */
function set<V>(edits: Edits<V>, key: string, value: V): void {
  edits.delete(key);
  edits.set(key, value);
}

function edited<V>(base: ReadonlyMap<string, V> | undefined, edits: Edits<V>): ReadonlyMap<string, V> {
  return OverlayMap.of(base ?? new Map<string, V>()).with(edits);
}
