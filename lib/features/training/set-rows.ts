/** The rows of a training set on their way into files: hashed and described as they are written, split by split. */
import type { Column } from '../../core/types.ts';
import type { RequestOptions } from '../../ports/object-store.ts';
import type { FittedTransform } from '../../online/model-transform.ts';
import type { Warning } from '../ingest/receipt.ts';
import { canonicalPieces } from '../../core/canonical-bytes.ts';
import { type FeatureStatistics, featureStatistics } from '../statistics/feature-statistics.ts';
import { type BuildInput, buildRows, type TrainingDeps } from './build-rows.ts';
import { encodeRows } from './dataset-files.ts';
import type { JoinCounts } from './finish-rows.ts';
import type { JoinPlan } from './join-plan.ts';
import { keepJoinedRows } from './joined-rows.ts';

export interface SetRows {
  readonly joins: readonly JoinPlan[];
  readonly columns: readonly Column[];
  /** Applied to the splits. */
  readonly transforms: readonly FittedTransform[];
  readonly warnings: readonly Warning[];
  readonly joinCounts: readonly JoinCounts[];
  readonly splits: readonly SetSplit[];
  /** Gives back what holds the rows. */
  readonly close: () => Promise<void>;
}

export interface SetSplit {
  readonly name: string;
  /** The split as one file. */
  readonly encode: (options: EncodeOptions) => Promise<EncodedSplit>;
}

export interface EncodeOptions extends RequestOptions {
  /** Columns of which statistics are wanted. */
  readonly described: readonly Column[];
  /** Takes the canonical lines of the rows, in order; each piece is good until this returns. */
  readonly onPiece: (piece: Uint8Array) => void;
}

export interface EncodedSplit {
  readonly rows: number;
  readonly bytes: Uint8Array;
  readonly statistics: readonly FeatureStatistics[];
}

/**
 * Where no code of ours has to see the rows, the engine writes them, and they are in memory a batch at a time; else they are built whole.
 * @throws LakefoldError what the joins, the pins, the functions, the filter and the split may be at fault for (P1–P20)
 */
export async function setRows(deps: TrainingDeps, input: BuildInput, options: RequestOptions = {}): Promise<SetRows> {
  return (await keepJoinedRows(deps, input, options)) ?? (await builtRows(deps, input, options));
}

/** Built in memory, whatever they need. @throws LakefoldError as `buildRows` */
export async function builtRows(deps: TrainingDeps, input: BuildInput, options: RequestOptions = {}): Promise<SetRows> {
  const { joins, splits, transforms, warnings, counts } = await buildRows(deps, input, options);
  return {
    joins,
    transforms,
    warnings,
    joinCounts: counts.joins,
    columns: splits[0]?.batch.columns ?? [],
    splits: splits.map(({ name, batch }) => ({
      name,
      encode: async ({ described, onPiece }) => {
        for (const piece of canonicalPieces(batch)) onPiece(piece);
        const statistics = described.length === 0 ? [] : (await featureStatistics(described, [batch])).features;
        return { rows: batch.rowCount, bytes: await encodeRows(deps, batch, input.request.format), statistics };
      },
    })),
    close: async () => undefined,
  };
}
