/** Two states of one version: what a checkpoint or a compaction says against what the commits come to. */
import { stringifyJson } from '../../core/json.ts';
import type { Value } from '../../core/types.ts';
import { knownActionFields } from '../actions/action-fields.ts';
import type { Action, AddFile, RemoveFile } from '../actions/actions.ts';
import { dvUniqueId } from '../rows/deletion-vector.ts';
import type { PartialState } from '../snapshot/replay.ts';
import type { TableColumn } from '../snapshot/snapshot-state.ts';
import { parseStats } from '../statistics/stats.ts';
import { REQUEST_APP_ID } from '../write/write-outcome.ts';

export interface StateRules {
  /** A checkpoint may leave out tombstones and idempotency keys that were past their time. */
  readonly mayDrop: 'expired' | 'nothing';
  readonly columns: readonly TableColumn[];
}

/** The first difference, in words; undefined when there is none that matters. */
export function stateDifference(expected: PartialState, found: PartialState, rules: StateRules): string | undefined {
  return (
    different('the protocol', expected.protocol, found.protocol) ??
    different('the metadata', expected.metadata, found.metadata) ??
    filesDifference(expected.files, found.files, rules.columns) ??
    tombstonesDifference(expected.tombstones, found.tombstones, rules) ??
    mapsDifference('txn', expected.txns, found.txns, (appId) => rules.mayDrop === 'expired' && appId.startsWith(REQUEST_APP_ID)) ??
    mapsDifference('domain', expected.domains, found.domains, () => false)
  );
}

function different(what: string, expected: Action | undefined, found: Action | undefined): string | undefined {
  const [a, b] = [actionText(expected), actionText(found)];
  return a === b ? undefined : `expected ${what} ${a}, found ${b}`;
}

/** What an action says, members in one order and without what a form leaves out: equal for equal actions; `none` for none. */
export function actionText(action: Action | undefined): string {
  if (action === undefined) return 'none';
  const sorted = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    return Object.fromEntries(
      Object.entries(value)
        .filter(([, member]) => member !== undefined)
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, member]) => [key, sorted(member)]),
    );
  };
  return stringifyJson(sorted(knownActionFields(action)));
}

function filesDifference(expected: ReadonlyMap<string, AddFile>, found: ReadonlyMap<string, AddFile>, columns: readonly TableColumn[]): string | undefined {
  for (const [path, file] of expected) {
    const other = found.get(path);
    if (other === undefined) return `expected the file ${path}, found none`;
    const difference = fileDifference(file, other, columns);
    if (difference !== undefined) return difference;
  }
  if (found.size === expected.size) return undefined;
  for (const path of found.keys()) if (!expected.has(path)) return `expected no file ${path}, found one`;
  return `expected ${expected.size} files, found ${found.size}`;
}

function fileDifference(expected: AddFile, found: AddFile, columns: readonly TableColumn[]): string | undefined {
  const facts = (file: AddFile): string =>
    stringifyJson({
      size: file.size,
      deletionVector: dvUniqueId(file.deletionVector),
      cardinality: file.deletionVector?.cardinality,
      partitionValues: partitionText(file),
    });
  if (facts(expected) !== facts(found)) return `expected ${expected.path} with ${facts(expected)}, found ${facts(found)}`;
  if (expected.stats === found.stats || found.stats === undefined || expected.stats === undefined) return undefined;
  // A checkpoint may spell statistics anew.
  const [a, b] = [parseStats(expected, columns), parseStats(found, columns)];
  const known = (left: Value | undefined, right: Value | undefined): boolean => left === undefined || right === undefined || Object.is(left, right);
  if (!known(a.numRecords, b.numRecords)) return `expected ${a.numRecords} rows in ${expected.path}, found ${b.numRecords}`;
  const differing = columns.find(
    ({ name }) => !known(a.min(name), b.min(name)) || !known(a.max(name), b.max(name)) || !known(a.nullCount(name), b.nullCount(name)),
  );
  return differing === undefined ? undefined : `expected the bounds of ${differing.name} in ${expected.path} to be those of its commit, found others`;
}

function partitionText(file: AddFile): readonly unknown[] {
  // Null, the empty text and a member left out, as delta-rs writes it, are one value.
  return Object.entries(file.partitionValues)
    .filter(([, value]) => value !== null && value !== '')
    .toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1));
}

function tombstonesDifference(expected: ReadonlyMap<string, RemoveFile>, found: ReadonlyMap<string, RemoveFile>, rules: StateRules): string | undefined {
  for (const [key, remove] of found) if (!expected.has(key)) return `expected no removal of ${remove.path}, found one`;
  if (rules.mayDrop === 'expired') return undefined;
  for (const [key, remove] of expected) if (!found.has(key)) return `expected the removal of ${remove.path}, found none`;
  return undefined;
}

function mapsDifference(
  what: string,
  expected: ReadonlyMap<string, Action>,
  found: ReadonlyMap<string, Action>,
  mayLack: (key: string) => boolean,
): string | undefined {
  for (const [key, action] of expected) {
    const other = found.get(key);
    if (other === undefined && mayLack(key)) continue;
    const difference = different(`${what} ${key}`, action, other);
    if (difference !== undefined) return difference;
  }
  for (const key of found.keys()) if (!expected.has(key)) return `expected no ${what} ${key}, found one`;
  return undefined;
}
