/**
 * Publishing (U6): folding commits into the online store from the watermark up, in whatever order the rules allow, beside
 * any number of other publishers.
 *
 * Merges commute, so a run of them is applied together and a merge may go ahead of the watermark as long as no edit lies
 * between. An edit is applied only when everything before it is, and nothing after an edit is applied before it.
 */
import { LakefoldError } from '../core/errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { RequestOptions } from '../ports/object-store.ts';
import type { OnlineStore, OnlineTable, Watermark } from '../ports/online-store.ts';
import type { Random } from '../ports/random.ts';
import { applyEdit, applyMerges, countApplied, tableFields, type Applied, type EditCommit, type MergeCommit, type TakeInvalidRows } from './fold.ts';
import { sumCounts, type FoldCounts } from './fold-counts.ts';
import type { FoldGroup } from './fold-group.ts';
import type { FoldCommit, FoldSource } from './fold-source.ts';
import { EDIT_KEYS_MAX, FIRST_LOAD_COMMITS, WATERMARK_AHEAD_MAX } from '../core/limits.ts';
import { isCovered, positionOf, recordApplied, type Position } from './watermark.ts';

/** Commits asked of the source at once. */
const COMMITS_PER_READ = 256;
/** Pauses given to the publishers of the commits in between before their work is done for them, and the first's length, ms. */
const GAP_WAITS_MAX = 3;
const GAP_WAIT_MILLIS = 20;

export interface PublishDeps {
  readonly online: OnlineStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface PublishInput {
  readonly table: OnlineTable;
  readonly source: FoldSource;
  readonly group: FoldGroup;
  /** Last version to publish, and one whose counts are wanted; default: that of `known`, else the head. */
  readonly to?: number;
  /** Told of rows that no read can see, before their commit is taken as applied. */
  readonly takeInvalid?: TakeInvalidRows;
  /** The commit just made, its rows in memory: neither the log nor a file is read for it. */
  readonly known?: FoldCommit;
  /** The mark that the generation's watermark carries in place of the table's id: published to beside the next one. */
  readonly mark?: string;
  /** Whatever there is to do is done commit by commit: what `loadRequired` would ask for is what is being done. */
  readonly neverLoad?: boolean;
}

export type PublishResult =
  | {
      readonly kind: 'published';
      /** Watermark before and after; -1 = nothing published. */
      readonly from: number;
      readonly to: number;
      /** Sum over `commits`. */
      readonly counts: FoldCounts;
      /** Of the commits this call applied, and of `known` or `to` whoever applied them, by version. */
      readonly commits: ReadonlyMap<number, FoldCounts>;
    }
  /** The watermark is that of another table, or marked (generation-mark.ts): nothing more is written here. */
  | { readonly kind: 'notOurs'; readonly found: string }
  /** U11: so much has to be written that a new generation is the way. */
  | { readonly kind: 'loadRequired'; readonly reason: 'firstLoad' | 'largeEdit' };

/**
 * Brings the online store from its watermark to `to`. Stops short where the store refused writes (`counts.failed`); the
 * next call goes on from there.
 * @throws LakefoldError LOG_GAP when the source leaves a commit out; STORE_* from the store
 */
export async function publish(deps: PublishDeps, input: PublishInput, options: RequestOptions = {}): Promise<PublishResult> {
  const run = new PublishRun(deps, input, options);
  const result = await run.publish();
  if (result.kind === 'published') deps.log.info('publish.succeeded', { ...tableFields(input.table), from: result.from, to: result.to, ...result.counts });
  return result;
}

/** What one pass may apply, from commits that begin right after the watermark. */
export type Pass =
  | { readonly kind: 'merges'; readonly commits: readonly MergeCommit[]; /** Without rows, or applied ahead by another. */ readonly covered: readonly number[] }
  | { readonly kind: 'edit'; readonly commit: EditCommit };

/** Everything up to the first edit; the edit alone when it is next. Pure. */
export function planPass(position: Position, commits: readonly FoldCommit[]): Pass {
  const merges: MergeCommit[] = [];
  const covered: number[] = [];
  for (const commit of commits) {
    if (commit.kind === 'edit') {
      if (commit.version === position.version + 1) return { kind: 'edit', commit };
      break;
    }
    if (commit.kind === 'none' || isCovered(position, commit.version)) covered.push(commit.version);
    else merges.push(commit);
  }
  return { kind: 'merges', commits: merges, covered };
}

/** State of one call. */
class PublishRun {
  readonly #deps: PublishDeps;
  readonly #input: PublishInput;
  readonly #options: RequestOptions;
  readonly #counts = new Map<number, FoldCounts>();
  readonly #committedAt = new Map<number, number>();
  #watermark: Watermark | undefined;
  #isLargeEdit = false;

  constructor(deps: PublishDeps, input: PublishInput, options: RequestOptions) {
    this.#deps = deps;
    this.#input = input;
    this.#options = options;
  }

  async publish(): Promise<PublishResult> {
    const { known, source, neverLoad = false } = this.#input;
    // Before the watermark is read: whatever is applied before a mark of a later generation is seen was committed before the mark was put.
    const target = this.#input.to ?? known?.version ?? (await source.head());
    this.#watermark = await this.#readWatermark();
    const from = this.#position.version;
    if (this.#watermark === undefined && target >= FIRST_LOAD_COMMITS && !neverLoad) return { kind: 'loadRequired', reason: 'firstLoad' };
    if (known?.kind === 'merge') await this.#applyKnownAhead(known);
    while (this.#isOurs && this.#position.version < target) {
      const before = this.#position.version;
      await this.#foldRead(await this.#commits(before, Math.min(target, before + COMMITS_PER_READ)));
      if (this.#isLargeEdit) return { kind: 'loadRequired', reason: 'largeEdit' };
      if (this.#position.version <= before) break;
    }
    if (!this.#isOurs) return { kind: 'notOurs', found: this.#watermark?.tableId ?? '' };
    await this.#countAsked(known?.version ?? this.#input.to);
    return { kind: 'published', from, to: this.#position.version, counts: sumCounts(this.#counts.values()), commits: this.#counts };
  }

  get #position(): Position {
    return positionOf(this.#watermark);
  }

  get #isOurs(): boolean {
    return this.#watermark === undefined || this.#watermark.tableId === this.#tableId;
  }

  get #tableId(): string {
    return this.#input.mark ?? this.#input.source.tableId;
  }

  /** Folds commits that were read together, pass by pass, until they are through or a pass gains nothing. */
  async #foldRead(commits: readonly FoldCommit[]): Promise<void> {
    while (this.#isOurs) {
      const { version } = this.#position;
      const rest = commits.filter((commit) => commit.version > version);
      if (rest.length === 0) return;
      const pass = planPass(this.#position, rest);
      const applied = await this.#apply(pass);
      await this.#record(pass.kind === 'edit' ? applied.done : [...applied.done, ...pass.covered]);
      if (this.#position.version === version) return;
    }
  }

  async #apply(pass: Pass): Promise<Applied> {
    const applied =
      pass.kind === 'edit'
        ? await applyEdit(
            this.#deps,
            { ...this.#input, commit: pass.commit, ...(this.#input.neverLoad === true ? {} : { keysMax: EDIT_KEYS_MAX }) },
            this.#options,
          )
        : await applyMerges(this.#deps, { ...this.#input, commits: pass.commits }, this.#options);
    this.#isLargeEdit = applied.isTooLarge === true;
    for (const [version, counts] of applied.counts) this.#counts.set(version, counts);
    return applied;
  }

  /** Shows the rows of the commit just made without waiting for commits of others that are still on their way. */
  async #applyKnownAhead(known: MergeCommit): Promise<void> {
    const { version, ahead } = this.#position;
    if (!this.#isOurs || this.#watermark === undefined || known.version <= version + 1 || isCovered(this.#position, known.version)) return;
    if (ahead.length >= WATERMARK_AHEAD_MAX || known.version - version > COMMITS_PER_READ) return;
    const between = await this.#commits(version, known.version - 1);
    if (between.some((commit) => commit.kind === 'edit')) return;
    this.#committedAt.set(known.version, known.committedAt);
    const applied = await this.#apply({ kind: 'merges', commits: [known], covered: [] });
    await this.#record([...applied.done, ...between.filter((commit) => commit.kind === 'none').map((commit) => commit.version)]);
    for (let wait = 0; wait < GAP_WAITS_MAX && this.#isOurs && this.#position.version < known.version; wait += 1) {
      await this.#deps.clock.sleep(GAP_WAIT_MILLIS * 2 ** wait * (0.5 + this.#deps.random.unit()), this.#options.signal);
      this.#watermark = await this.#readWatermark();
    }
  }

  /** Counts of the commit the caller answers for, where another publisher was quicker. */
  async #countAsked(version: number | undefined): Promise<void> {
    if (version === undefined || version < 0 || this.#counts.has(version) || !isCovered(this.#position, version)) return;
    const [commit] = await this.#commits(version - 1, version);
    if (commit !== undefined) this.#counts.set(version, await countApplied(this.#deps, { ...this.#input, commit }, this.#options));
  }

  async #record(done: readonly number[]): Promise<void> {
    const { table } = this.#input;
    this.#watermark = await recordApplied(
      this.#deps,
      { table, tableId: this.#tableId, watermark: this.#watermark, done, committedAt: (version) => this.#commitTime(version) },
      this.#options,
    );
  }

  async #commitTime(version: number): Promise<number> {
    if (!this.#committedAt.has(version)) await this.#commits(version - 1, version);
    const committedAt = this.#committedAt.get(version);
    if (committedAt === undefined) throw logGap(version);
    return committedAt;
  }

  /** Commits of `(after, to]`; the known one from memory, and alone without asking the source. */
  async #commits(after: number, to: number): Promise<readonly FoldCommit[]> {
    const { known, source } = this.#input;
    const commits = known !== undefined && known.version === to && after === to - 1 ? [known] : await source.commits(after, to);
    const all = commits.map((commit) => (commit.version === known?.version ? known : commit));
    for (let i = 0; i < to - after; i += 1) if (all[i]?.version !== after + 1 + i) throw logGap(after + 1 + i);
    for (const commit of all) this.#committedAt.set(commit.version, commit.committedAt);
    return all;
  }

  #readWatermark(): Promise<Watermark | undefined> {
    return this.#deps.online.watermark(this.#input.table, { ...this.#options, consistent: true });
  }
}

function logGap(version: number): LakefoldError {
  return new LakefoldError('LOG_GAP', `expected commit ${version} among those to publish, found none`, { context: { version } });
}
