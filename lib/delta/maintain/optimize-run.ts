/** An optimisation commit by commit, so that a crash, a lost race or the end of its time costs one group of bins, not what landed before. */
import { REWRITE_MEMORY_BYTES_MAX } from '../../core/limits.ts';
import type { RequestOptions } from '../../ports/object-store.ts';
import type { AddFile } from '../actions/actions.ts';
import type { CommitRequest } from '../write/commit.ts';
import type { DeltaDeps } from '../deps.ts';
import { commitGroups, optimizePlanner } from './optimize.ts';
import type { Bin, OptimizeOptions, OptimizePlan } from './optimize-plan.ts';
import { NO_ROWS, type WriteOptions, type WriteOutcome } from '../write/write-outcome.ts';

export interface OptimizeLimits extends RequestOptions {
  /** No bin is begun after this long, ms, but for the first; what is done stays, another call goes on. */
  readonly timeMillisMax?: number;
}

/** Why bins of the plan are left as they were. */
export type OptimizeStop = 'time' | 'aborted' | 'conflict' | 'unknown';

/** The last commit's outcome with the files and bytes of all; `stopped` where bins are left though others landed. */
export type OptimizeOutcome = WriteOutcome & {
  readonly bytesRead: number;
  readonly bytesWritten: number;
  readonly stopped?: { readonly because: OptimizeStop; readonly filesLeft: number };
};

export interface OptimizeRun {
  readonly root: string;
  readonly plan: OptimizePlan;
  readonly commit: (request: Pick<CommitRequest, 'txnId' | 'plan'>, options: WriteOptions) => Promise<WriteOutcome>;
}

/** `nothing` where there is nothing to do; a conflict or an unknown fate is the outcome only where no commit landed before it. */
export async function runOptimize(deps: DeltaDeps, run: OptimizeRun, options: WriteOptions & OptimizeOptions & OptimizeLimits): Promise<OptimizeOutcome> {
  const groups = commitGroups(run.plan, options.targetBytes);
  const startedAt = deps.clock.monotonicMillis();
  const isLate = (): boolean => deps.clock.monotonicMillis() - startedAt >= (options.timeMillisMax ?? Number.POSITIVE_INFINITY);
  const made = new Map<Bin, readonly AddFile[]>();
  let total: WriteOutcome = { kind: 'nothing', counts: NO_ROWS };
  let because: OptimizeStop | undefined;
  for (const [i, bins] of (groups.length === 0 ? [[]] : groups).entries()) {
    if (i > 0) because = options.signal?.aborted === true ? 'aborted' : isLate() ? 'time' : undefined;
    if (because !== undefined) break;
    // A repeat of the request finds it done only once all is.
    const { idempotency, ...others } = options;
    const requested = idempotency === undefined || i < groups.length - 1 ? others : options;
    const outcome = await commitGroup(deps, run, { bins, made, isLate, options: requested, before: total });
    if (outcome.kind === 'committed' || outcome.kind === 'nothing') total = addOutcome(total, outcome);
    else if (outcome.kind !== 'aborted' && (total.kind !== 'committed' || outcome.kind === 'alreadyApplied'))
      return { ...outcome, bytesRead: 0, bytesWritten: 0 };
    else because = outcome.kind;
    if (because !== undefined) break;
  }
  const landed = total.kind === 'committed' ? landedBins(total, made) : [];
  if (because === undefined && run.plan.bins.some((bin) => !made.has(bin)) && isLate()) because = 'time';
  return {
    ...total,
    bytesRead: landed.reduce((sum, [bin]) => sum + bin.bytes, 0),
    bytesWritten: landed.reduce((sum, [, adds]) => sum + adds.reduce((bytes, { size }) => bytes + size, 0), 0),
    ...(because === undefined || total.kind !== 'committed'
      ? {}
      : { stopped: { because, filesLeft: run.plan.files - landed.reduce((sum, [bin]) => sum + bin.files.length, 0) } }),
  };
}

interface GroupRun {
  readonly bins: readonly Bin[];
  readonly made: Map<Bin, readonly AddFile[]>;
  readonly isLate: () => boolean;
  readonly options: WriteOptions & OptimizeOptions;
  readonly before: WriteOutcome;
}

/** `aborted` where earlier commits landed, which an error would hide. */
async function commitGroup(deps: DeltaDeps, { root, plan, commit }: OptimizeRun, group: GroupRun): Promise<WriteOutcome | { readonly kind: 'aborted' }> {
  const { bins, made, isLate, options, before } = group;
  const txnId = deps.random.uuid();
  const { signal } = options;
  const target = { root, txnId, order: plan.order, options, made, isLate, memoryBytesMax: options.memoryBytesMax ?? REWRITE_MEMORY_BYTES_MAX };
  try {
    return await commit({ txnId, plan: optimizePlanner(deps, signal === undefined ? target : { ...target, signal }, bins) }, options);
  } catch (cause) {
    if (before.kind === 'committed' && signal?.aborted === true) return { kind: 'aborted' };
    throw cause;
  }
}

function addOutcome(before: WriteOutcome, next: WriteOutcome): WriteOutcome {
  if (before.kind !== 'committed') return next;
  if (next.kind !== 'committed') return before;
  return { ...next, filesAdded: before.filesAdded + next.filesAdded, filesRemoved: before.filesRemoved + next.filesRemoved };
}

/** Bins that were made but lost a file to another commit are not among them. */
function landedBins({ snapshot }: Extract<WriteOutcome, { kind: 'committed' }>, made: ReadonlyMap<Bin, readonly AddFile[]>): [Bin, readonly AddFile[]][] {
  return [...made].filter(([bin]) => bin.files.every(({ path }) => !snapshot.files.has(path)));
}
