/**
 * Protocol faults planted in the production code, each as a change of one line. A simulation that does not find them
 * proves nothing. Left out are changes that nobody could tell: that remove actions stand before add actions in an entry
 * (replay takes removes first, whatever their order), and that a checkpoint's own time is its version's.
 */
import type { Patch } from './bundle.ts';

export interface Mutant extends Patch {
  readonly name: string;
  /** The guarantee it breaks. */
  readonly breaks: string;
  /** A seed that finds it, where no early one does. */
  readonly from?: number;
}

const S3_PUT = 'lib/adapters/aws/s3-conditional-put.ts';
const APPEND = 'lib/commitlog/append-entry.ts';
const COMMIT = 'lib/delta/write/commit.ts';
const TABLE = 'lib/delta/table.ts';

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'the log PUT has no condition',
    breaks: 'G1, G3',
    file: S3_PUT,
    find: "put.ifMatch === undefined ? { IfNoneMatch: '*' } :",
    replace: 'put.ifMatch === undefined ? {} :',
  },
  {
    name: 'a 412 from its own earlier try is taken for another writer',
    breaks: 'G4, G5',
    file: S3_PUT,
    find: "if (identity === encodeURIComponent(put.identity) && sameSize) return { kind: 'written', etag };",
    replace: '',
  },
  {
    name: 'a lost answer is taken for success',
    breaks: 'G2, G3',
    file: S3_PUT,
    find: "mayHaveLanded ||= fault === 'lost' || fault === 'throttled';",
    replace: "if (fault === 'lost') return { kind: 'written', etag: '' };",
  },
  {
    name: 'a lost answer is taken for failure, without reading back',
    breaks: 'G5',
    file: S3_PUT,
    find: "mayHaveLanded ||= fault === 'lost' || fault === 'throttled';",
    replace: "if (fault === 'lost') return { kind: 'lost' };",
  },
  {
    name: 'an unknown outcome is tried again at the next version',
    breaks: 'G3, G4',
    file: APPEND,
    find: "if (created.kind !== 'exists') {",
    replace: 'if (false) {',
  },
  {
    name: 'staged files are deleted when the outcome is unknown',
    breaks: 'G3, G14',
    file: APPEND,
    find: "deps.log.warn('commit.outcome_unknown',",
    replace:
      "for (const action of plan.value.actions ?? []) if (action.kind === 'add') await deps.store.delete(request.pathOf(version).replace(/_delta_log.*/, '') + action.path);\n      deps.log.warn('commit.outcome_unknown',",
  },
  {
    name: 'a writer that slept commits what it planned before',
    breaks: 'G14',
    file: APPEND,
    find: 'return ageOf(deps.clock, startedAt) > PLAN_AGE_MAX_MILLIS;',
    replace: 'return false;',
  },
  {
    name: 'a lost race is planned again without what won',
    breaks: 'G3, G13',
    file: COMMIT,
    find: "if (last?.kind !== 'write' || last.basis === undefined) return request.plan(snapshot);",
    replace: "if (last?.kind === 'write') return last;\n  if (last?.kind !== 'write' || last.basis === undefined) return request.plan(snapshot);",
  },
  {
    name: 'a repeated request is not recognised',
    breaks: 'G4',
    file: COMMIT,
    find: "if (appliedAt !== undefined) return { kind: 'stop'",
    replace: "if (false) return { kind: 'stop'",
  },
  {
    name: 'an upsert that lost against a deletion stands',
    breaks: 'G3, G13',
    file: 'lib/delta/write/conflict.ts',
    find: "upsert:         ['probe',    'unite',    'unite',",
    replace: "upsert:         ['keep',     'keep',     'keep',",
  },
  {
    name: 'a compaction does not look at what was changed under it',
    breaks: 'G8, G13',
    file: 'lib/delta/maintain/optimize.ts',
    find: 'const whole = bins.filter((bin) => bin.files.every((file) => isSameFile(file, snapshot.files.get(file.path))));',
    replace: 'const whole = bins;',
  },
  {
    name: 'a deletion vector forgets the rows deleted before',
    breaks: 'G3',
    file: 'lib/delta/write/removals.ts',
    find: 'unitePositions(before ?? new Uint32Array(), positions)',
    replace: 'unitePositions(new Uint32Array(), positions)',
  },
  {
    name: 'a row received earlier replaces a later one',
    breaks: 'received last wins (semantics §0)',
    file: 'lib/delta/write/upsert.ts',
    find: 'if (theirs > own || (theirs === own && known.get(position) === true)) stale.add(row);',
    replace: 'if (theirs === own && known.get(position) === true) stale.add(row);',
  },
  {
    name: 'a listing ends with its first page',
    breaks: 'G7',
    file: 'lib/adapters/aws/s3-object-store.ts',
    find: '} while (token !== undefined);',
    replace: '} while (false);',
  },
  {
    name: 'a refresh stops one version short',
    breaks: 'G7',
    file: 'lib/delta/snapshot/snapshot.ts',
    find: 'if (head === undefined || head < from) return snapshot;',
    replace: 'if (head === undefined || head <= from) return snapshot;',
  },
  {
    name: 'a snapshot is as old as the answer, not the question',
    breaks: 'G7, G14',
    file: TABLE,
    find: 'return new DeltaTable(deps, root, { snapshot: await loadSnapshot(deps, root, asOf), askedAt });',
    replace: 'return new DeltaTable(deps, root, { snapshot: await loadSnapshot(deps, root, asOf), askedAt: instantOf(deps.clock) });',
  },
  {
    name: 'a vacuum takes the time after its snapshot',
    breaks: 'G14',
    file: TABLE,
    find: '{ root: this.root, snapshot }, { ...options, now });',
    replace: '{ root: this.root, snapshot }, { ...options, now: this.#deps.clock.now() });',
  },
  {
    name: 'a vacuum knows no retention',
    breaks: 'G8',
    file: 'lib/delta/maintain/vacuum-log.ts',
    find: 'const isKept = options.now - at <= options.retentionMillis;',
    replace: 'const isKept = false;',
  },
  {
    name: 'a vacuum takes files that are being staged',
    breaks: 'G14',
    file: 'lib/delta/maintain/vacuum.ts',
    find: 'now - object.modifiedAt < ageMin(name)',
    replace: 'false',
  },
  {
    name: 'a restore brings back files that a vacuum is about to delete',
    breaks: 'G14',
    file: 'lib/delta/write/restore.ts',
    find: 'assertKept({ snapshot, version: earlier.version }, restored, at);',
    replace: '',
  },
  {
    name: 'a checkpoint leaves out what was removed',
    breaks: 'G8',
    file: 'lib/delta/checkpoint/checkpoint.ts',
    find: 'tombstonesAfter: Math.max(now - deletedFileRetentionMillis(snapshot.metadata), erasureOf(snapshot)?.at ?? 0),',
    replace: 'tombstonesAfter: now,',
  },
  {
    name: 'a checkpoint leaves out the requests it should remember',
    breaks: 'G4',
    file: 'lib/delta/checkpoint/checkpoint.ts',
    find: '...requests.slice(0, IDEMPOTENCY_KEYS_MAX)]',
    replace: ']',
  },
  {
    name: 'a checkpointer that comes late points back at its checkpoint',
    breaks: 'G13',
    file: 'lib/delta/checkpoint/last-checkpoint.ts',
    find: '(pointed !== undefined && pointed > version) || ',
    replace: '',
  },
  {
    name: 'the pointer to the newest checkpoint is written whatever stands there by then',
    breaks: 'G13',
    file: 'lib/delta/checkpoint/last-checkpoint.ts',
    find: 'await store.replaceIfMatch(path, bytes, { identity, ifMatch: found.etag });',
    replace: "(await store.overwrite(path, bytes), { kind: 'replaced', etag: '' } as const);",
  },
  {
    name: 'log clean-up takes commits younger than a day',
    breaks: 'G8',
    file: 'lib/delta/maintain/log-cleanup.ts',
    find: 'const cutoff = Math.min(midnight, options.now - DAY_MILLIS);',
    replace: 'const cutoff = options.now - options.retentionMillis;',
  },
  {
    name: 'a group does not look whether a request landed before',
    breaks: 'G4',
    file: 'lib/delta/group/group-planner.ts',
    find: 'const standing = refused.get(i) ?? standingOf(snapshot, member, now);',
    replace: 'const standing = refused.get(i);',
  },
  {
    name: 'a queued write asks for its key as of the drain',
    breaks: 'G4, G14',
    from: 7686,
    file: 'lib/delta/group/group-member.ts',
    find: 'isUlid(member.id) ? Math.min(now, millisOfUlid(member.id)) : now;',
    replace: 'now;',
  },
  {
    name: 'a request made twice is in its group twice',
    breaks: 'G4',
    file: 'lib/delta/group/group-planner.ts',
    find: "if (isKnown) return { kind: 'applied', version: undefined };",
    replace: '',
  },
  {
    name: 'a group forgets the request of its last member',
    breaks: 'G3, G4',
    file: 'lib/delta/group/group-planner.ts',
    find: 'const requests = landed.map(',
    replace: 'const requests = landed.slice(0, Math.max(1, landed.length - 1)).map(',
  },
  {
    name: 'a row of a group that lost against another one stands',
    breaks: 'G3',
    file: 'lib/delta/group/group-planner.ts',
    find: 'if (hasDeletionVectors(at.snapshot)) return { marked: live, adds: whole, restaged: 0 };',
    replace: 'if (out.size > 0) return { marked: [], adds: [...whole, ...live.map(({ file }) => file)], restaged: 0 };',
  },
  {
    name: 'every member of a group is told what became of the first',
    breaks: 'G3, G5',
    file: 'lib/delta/group/group-committer.ts',
    find: 'settleMember(outcome, i, waiting)',
    replace: 'settleMember(outcome, 0, waiting)',
  },
  {
    name: 'a write of a group is as old as its turn, not its files',
    breaks: 'G14',
    file: 'lib/delta/group/group-committer.ts',
    find: 'this.#waiting.push({ member, stagedAt, answer, fail });',
    replace: 'this.#waiting.push({ member, stagedAt: instantOf(this.#deps.clock), answer, fail });',
  },
  {
    name: 'a doorbell that finds the lease taken is thrown away',
    breaks: 'G2',
    file: 'lib/delta/group/group-drain.ts',
    find: "if (report.kind === 'taken') await deps.queue.release(",
    replace: "if (report.kind === 'taken') await deps.queue.acknowledge(message.receipt);\n  else if (false) await deps.queue.release(",
  },
  {
    name: 'what an entry decides is taken out of the inbox before it has landed',
    breaks: 'G2, G3',
    file: 'lib/delta/group/group-drain.ts',
    find: 'const landing = commitIntents(table, group);',
    replace: 'for (const id of own) await deps.control.delete(inboxOf(name), id);\n      const landing = commitIntents(table, group);',
  },
  {
    name: 'an instant leaves out what was committed at it',
    breaks: 'G7',
    file: 'lib/delta/snapshot/version-at.ts',
    find: 'const isLater = committedAt > instant;',
    replace: 'const isLater = committedAt >= instant;',
  },
  {
    name: 'changes leave out rows that a deletion vector hides',
    breaks: 'G7',
    file: 'lib/delta/changes/changes.ts',
    find: 'else yield* rowsBetween(deps, table, { file: add, shownBy: remove.deletionVector, hiddenBy: add.deletionVector }, columns);',
    replace: '',
  },
  {
    name: 'an overwrite of some rows does not look at those that won',
    breaks: 'G3',
    file: 'lib/delta/write/overwrite.ts',
    find: "{ kind: 'overwriteWhere', reads: matcher.reads() }",
    replace: "{ kind: 'overwriteWhere', reads: READS_NOTHING }",
  },
];
