/**
 * What becomes of a write that lost a race: the matrix, and how one entry that won is held against it. Pure.
 *
 * A plan that stands is committed as it is. Any other is made again on the winner's snapshot, looking only at what the
 * winner changed, so that every commit is what its operation does at exactly its version.
 */
import type { Action, AddFile, LogEntry, Protocol } from '../actions/actions.ts';
import type { Snapshot } from '../snapshot/snapshot-state.ts';
import { stagedConflict } from './stage.ts';

/** What the loser does. `schema` adds columns or sets properties; `protocol` changes what the table demands of its readers and writers. */
export type OperationKind = (typeof OPERATIONS)[number];

/**
 * What the winner did; one entry may be several.
 * - `deletion`: took rows out by deletion vectors, or whole files · `upsert`: that with new rows, or an append that read
 * - `rewrite`: replaced files by others · `compaction`: only `dataChange: false` · `overwrite`: replaced every file
 */
export type WinnerKind = (typeof WINNERS)[number];

/**
 * - `keep`: the plan stands, whatever the files
 * - `probe`: new files that may hold rows of the operation are looked into; of files that are gone it lets go
 * - `unite`: as `probe`, and of a file both took rows from the deletion vectors are united
 * - `follow`: new files hold no new rows, so they are probed only where one the plan takes rows from was replaced; positions are never carried over
 * - `redo`: made again from the list of files, or from the metadata; rows are not read
 * - `dropBins`: bins that lost a file are dropped, the others committed
 * - `adopt`: taken over, unless it forbids what is staged
 * - `answer`: the winner may be this very request; where its version covers ours it is the answer, else the plan stands
 * - `refuse`: a conflict
 */
export type Resolution = 'keep' | 'probe' | 'unite' | 'follow' | 'redo' | 'dropBins' | 'adopt' | 'answer' | 'refuse';

export const WINNERS = [
  'blindAppend',
  'upsert',
  'deletion',
  'rewrite',
  'overwrite',
  'compaction',
  'additiveSchema',
  'metadata',
  'protocol',
  'sameTransaction',
  'sameDomain',
] as const;

export const OPERATIONS = [
  'append',
  'upsert',
  'deleteKeys',
  'deleteWhere',
  'update',
  'overwriteWhere',
  'overwrite',
  'restore',
  'optimize',
  'schema',
  'protocol',
] as const;

type Row = CellOf<typeof WINNERS>;
type CellOf<Kinds extends readonly unknown[]> = { readonly [Position in keyof Kinds]: Resolution };

// prettier-ignore
const MATRIX: Readonly<Record<OperationKind, Row>> = {
  //               blindAppend upsert      deletion    rewrite     overwrite   compaction  additive  metadata  protocol  sameTxn   sameDomain
  append:         ['keep',     'keep',     'keep',     'keep',     'keep',     'keep',     'adopt',  'adopt',  'adopt',  'answer', 'refuse'],
  upsert:         ['probe',    'unite',    'unite',    'probe',    'probe',    'follow',   'adopt',  'adopt',  'adopt',  'answer', 'refuse'],
  deleteKeys:     ['probe',    'unite',    'unite',    'probe',    'probe',    'follow',   'adopt',  'adopt',  'adopt',  'answer', 'refuse'],
  deleteWhere:    ['probe',    'unite',    'unite',    'probe',    'probe',    'follow',   'adopt',  'adopt',  'adopt',  'answer', 'refuse'],
  update:         ['probe',    'unite',    'unite',    'probe',    'probe',    'follow',   'adopt',  'adopt',  'adopt',  'answer', 'refuse'],
  overwriteWhere: ['probe',    'unite',    'unite',    'probe',    'probe',    'follow',   'adopt',  'adopt',  'adopt',  'answer', 'refuse'],
  overwrite:      ['redo',     'redo',     'redo',     'redo',     'redo',     'redo',     'adopt',  'adopt',  'adopt',  'answer', 'refuse'],
  restore:        ['redo',     'redo',     'redo',     'redo',     'redo',     'redo',     'adopt',  'adopt',  'adopt',  'answer', 'refuse'],
  optimize:       ['keep',     'dropBins', 'dropBins', 'dropBins', 'dropBins', 'dropBins', 'adopt',  'adopt',  'adopt',  'answer', 'refuse'],
  schema:         ['probe',    'probe',    'probe',    'probe',    'probe',    'keep',     'redo',   'redo',   'redo',   'answer', 'refuse'],
  protocol:       ['keep',     'keep',     'keep',     'keep',     'keep',     'keep',     'refuse', 'refuse', 'refuse', 'answer', 'refuse'],
};

function resolutionOf(operation: OperationKind, winner: WinnerKind): Resolution {
  return MATRIX[operation][WINNERS.indexOf(winner)] ?? 'refuse';
}

/** What a plan depends on beside the metadata. */
export interface ReadSet {
  /** Paths of live files that hold rows the plan takes out, rewrites or yields to. */
  readonly found: ReadonlySet<string>;
  /** False only when the file can hold no row the operation looks for. */
  readonly mayHold: (snapshot: Snapshot, file: AddFile) => boolean;
}

/** Of operations that read no rows. */
export const READS_NOTHING: ReadSet = { found: new Set(), mayHold: () => false };

export interface Loser {
  readonly operation: OperationKind;
  readonly reads: ReadSet;
  /** Domains its plan writes. */
  readonly domains: ReadonlySet<string>;
  /** `txn` applications its plan writes. */
  readonly appIds: ReadonlySet<string>;
}

/** `changed`: paths whose files are not what the plan saw; undefined where the metadata changed under it, so that all is to be looked at again. */
export type Verdict =
  | { readonly kind: 'stands' }
  | { readonly kind: 'planAgain'; readonly changed: ReadonlySet<string> | undefined }
  | { readonly kind: 'refused'; readonly reason: string };

/** An entry that won: it made `after` of `before`. */
export interface MetWinner {
  readonly entry: LogEntry;
  readonly before: Snapshot;
  readonly after: Snapshot;
}

/** How the loser goes on after all of these, in their order. */
export function judge(loser: Loser, winners: readonly MetWinner[]): Verdict {
  return winners.reduce<Verdict>((verdict, winner) => judgeNext(verdict, loser, winner), STANDS);
}

function judgeNext(verdict: Verdict, loser: Loser, winner: MetWinner): Verdict {
  if (verdict.kind === 'refused') return verdict;
  const next = [...winnerKinds(winner, loser)].map((kind) => resolve(resolutionOf(loser.operation, kind), { loser, kind, ...winner })).reduce(united, STANDS);
  // What the loser reads is known up to the first change only: a file that winner added may be what this one moved.
  return verdict.kind === 'planAgain' && next.kind === 'stands'
    ? united(verdict, { kind: 'planAgain', changed: touchedPaths(winner.entry) })
    : united(verdict, next);
}

function united(a: Verdict, b: Verdict): Verdict {
  if (a.kind === 'refused' || b.kind === 'stands') return a;
  if (b.kind === 'refused' || a.kind === 'stands') return b;
  return { kind: 'planAgain', changed: a.changed === undefined || b.changed === undefined ? undefined : new Set([...a.changed, ...b.changed]) };
}

/** What an entry did, as far as it matters to the loser. */
export function winnerKinds({ entry, before, after }: MetWinner, loser: Pick<Loser, 'domains' | 'appIds'>): ReadonlySet<WinnerKind> {
  const kinds = new Set<WinnerKind>();
  const files = fileKind(entry.actions, before);
  if (files !== undefined) kinds.add(files);
  for (const action of entry.actions) {
    if (action.kind === 'metaData') kinds.add(isAdditive(before, after) ? 'additiveSchema' : 'metadata');
    if (action.kind === 'protocol') kinds.add('protocol');
    if (action.kind === 'txn' && loser.appIds.has(action.appId)) kinds.add('sameTransaction');
    if (action.kind === 'domainMetadata' && loser.domains.has(action.domain)) kinds.add('sameDomain');
  }
  return kinds;
}

function fileKind(actions: readonly Action[], before: Snapshot): WinnerKind | undefined {
  const adds = actions.filter((action) => action.kind === 'add');
  const removes = actions.filter((action) => action.kind === 'remove');
  if (adds.length + removes.length === 0) return undefined;
  if ([...adds, ...removes].every((action) => !action.dataChange)) return 'compaction';
  const removed = new Set(removes.map(({ path }) => path));
  const added = new Set(adds.map(({ path }) => path));
  const gone = [...removed].filter((path) => !added.has(path));
  const isFresh = [...added].some((path) => !removed.has(path));
  if (removed.size === 0) return actions.some((action) => action.kind === 'commitInfo' && action.isBlindAppend === true) ? 'blindAppend' : 'upsert';
  if (gone.length > 0 && gone.length === before.files.size) return 'overwrite';
  if (!isFresh) return 'deletion';
  return gone.length > 0 ? 'rewrite' : 'upsert';
}

/** Columns that may be null were added, or ones that could not be may be now; nothing else. */
function isAdditive(before: Snapshot, after: Snapshot): boolean {
  const settings = ({ metadata: { configuration } }: Snapshot): string =>
    JSON.stringify(
      Object.entries(configuration)
        .filter(([key]) => key !== 'delta.columnMapping.maxColumnId')
        .toSorted(([a], [b]) => (a < b ? -1 : 1)),
    );
  const kept = before.columns.every((column) => after.columns.some(({ name }) => name === column.name));
  return kept && settings(before) === settings(after) && forbiddenBy(before, after) === undefined;
}

interface Met extends MetWinner {
  readonly loser: Loser;
  readonly kind: WinnerKind;
}

const STANDS: Verdict = { kind: 'stands' };

function resolve(resolution: Resolution, { loser, kind, entry, before, after }: Met): Verdict {
  switch (resolution) {
    case 'keep':
    case 'answer':
      return STANDS;
    case 'refuse':
      return { kind: 'refused', reason: refusal(kind, entry.version) };
    case 'adopt': {
      const reason = forbiddenBy(before, after);
      return reason === undefined ? { kind: 'planAgain', changed: undefined } : { kind: 'refused', reason };
    }
    case 'redo':
      return { kind: 'planAgain', changed: touchedPaths(entry) };
    case 'dropBins':
    case 'follow':
      return removesOf(entry).some((path) => loser.reads.found.has(path)) ? { kind: 'planAgain', changed: touchedPaths(entry) } : STANDS;
    case 'probe':
    case 'unite': {
      const isMet =
        removesOf(entry).some((path) => loser.reads.found.has(path)) ||
        entry.actions.some((action) => action.kind === 'add' && loser.reads.mayHold(after, action));
      return isMet ? { kind: 'planAgain', changed: touchedPaths(entry) } : STANDS;
    }
  }
}

function removesOf(entry: LogEntry): readonly string[] {
  return entry.actions.flatMap((action) => (action.kind === 'remove' ? [action.path] : []));
}

function touchedPaths(entry: LogEntry): ReadonlySet<string> {
  return new Set(entry.actions.flatMap((action) => (action.kind === 'add' || action.kind === 'remove' ? [action.path] : [])));
}

function refusal(kind: WinnerKind, version: number): string {
  switch (kind) {
    case 'sameDomain':
      return `version ${version} wrote the same domain metadata`;
    case 'protocol':
      return `version ${version} changed the table's protocol`;
    default:
      return `version ${version} changed the table's metadata`;
  }
}

/** Why what was planned on `before` may not be committed on `after`'s metadata and protocol; undefined when it may. */
function forbiddenBy(before: Snapshot, after: Snapshot): string | undefined {
  const dropped = featuresOf(before.protocol).find((feature) => !featuresOf(after.protocol).includes(feature));
  if (dropped !== undefined) return `the table no longer has the feature ${dropped}`;
  const constraint = Object.entries(after.metadata.configuration).find(
    ([key, value]) => key.startsWith('delta.constraints.') && before.metadata.configuration[key] !== value,
  );
  if (constraint !== undefined) return `the table has the new constraint ${constraint[0].slice('delta.constraints.'.length)}`;
  const rule = after.columns.find((column) => {
    const known = before.columns.find(({ name }) => name === column.name);
    return COLUMN_RULES.some((key) => column.metadata[key] !== undefined && column.metadata[key] !== known?.metadata[key]);
  });
  if (rule !== undefined) return `column ${rule.name} has a new rule`;
  return stagedConflict(before, after);
}

/** Members of a field's metadata that rows were not held against when they were staged. */
const COLUMN_RULES = ['delta.invariants', 'delta.generationExpression', 'delta.identity.start'];

function featuresOf(protocol: Protocol): readonly string[] {
  return protocol.writerFeatures ?? [];
}
