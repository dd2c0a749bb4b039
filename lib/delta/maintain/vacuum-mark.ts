/**
 * Up to where the log has been seen to by vacuums: `_lakefold/vacuum.json`, a hint. Without it, or where it makes no sense,
 * the next vacuum reads every entry there is.
 */
import { utf8 } from '../../core/bytes.ts';
import { isLakefoldError } from '../../core/errors.ts';
import { isJsonObject, type Json, parseJson, stringifyJson } from '../../core/json.ts';
import { joinPath, type ObjectPath } from '../../core/path.ts';
import type { Log } from '../../ports/log.ts';
import type { ObjectStore } from '../../ports/object-store.ts';
import { checkSeal, seal, SEAL, UNSEALED } from '../../core/seal.ts';
import type { Snapshot } from '../snapshot/snapshot-state.ts';

export interface VacuumMark {
  /** `metaData.id`: versions are another table's where it differs. */
  readonly tableId: string;
  /** Whatever entries up to this version took out is deleted, or has come back since; -1 for none. */
  readonly through: number;
  readonly oldestReadable: number;
}

const FORMAT = 1;

/** Undefined where there is none of this table that makes sense. */
export async function readVacuumMark(
  store: ObjectStore,
  { root, snapshot }: { readonly root: string; readonly snapshot: Pick<Snapshot, 'metadata' | 'version'> },
): Promise<VacuumMark | undefined> {
  const object = await store.get(vacuumMarkPath(root));
  const mark = object === undefined ? undefined : parseVacuumMark(object.bytes);
  return mark !== undefined && isMarkOf(snapshot, mark) ? mark : undefined;
}

/** Whether the mark is of this table, and of nothing that is still to come. */
export function isMarkOf(snapshot: Pick<Snapshot, 'metadata' | 'version'>, mark: VacuumMark): boolean {
  return mark.tableId === snapshot.metadata.id && mark.through <= snapshot.version;
}

/** Undefined for what makes no sense. */
export function parseVacuumMark(bytes: Uint8Array): VacuumMark | undefined {
  if (checkSeal(bytes) !== 'intact') return undefined;
  const parsed = parseOr(bytes);
  if (!isJsonObject(parsed) || parsed['format'] !== FORMAT) return undefined;
  const { tableId, through, oldestReadable } = parsed;
  if (typeof tableId !== 'string' || !isVersion(through, -1) || !isVersion(oldestReadable, 0)) return undefined;
  return { tableId, through, oldestReadable };
}

/** One that cannot be written is done without. */
export async function writeVacuumMark(deps: { readonly store: ObjectStore; readonly log: Log }, root: string, mark: VacuumMark): Promise<void> {
  if (mark.through < 0) return;
  const { tableId, through, oldestReadable } = mark;
  try {
    await deps.store.overwrite(vacuumMarkPath(root), seal(utf8(stringifyJson({ [SEAL]: UNSEALED, format: FORMAT, tableId, through, oldestReadable }))));
  } catch (error) {
    if (!isLakefoldError(error)) throw error;
    deps.log.warn('vacuum.mark_not_written', { table: root, code: error.code });
  }
}

/** Under the store. */
export function vacuumMarkPath(root: string): ObjectPath {
  return joinPath(root, '_lakefold/vacuum.json');
}

function parseOr(bytes: Uint8Array): Json {
  try {
    return parseJson(bytes);
  } catch {
    return null;
  }
}

function isVersion(value: Json | undefined, min: number): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= min;
}
