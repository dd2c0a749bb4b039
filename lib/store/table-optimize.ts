/** Optimisations as the table's surface takes and shows them. */
import type { Column } from '../core/types.ts';
import type { OptimizeOptions, OptimizePlan } from '../delta/maintain/optimize-plan.ts';
import { parseFilter } from '../delta/filter/parse-filter.ts';
import { AMOUNT, ANYTHING, checkOptions, type OptionKinds, REQUEST_OPTIONS, TEXTS } from './arguments.ts';
import { asJson, type Where } from './native-input.ts';

export interface TableOptimizeOptions {
  /** Bytes files are packed to; 128 MiB unless given. */
  readonly targetBytes?: number;
  /** Sorts rows by these columns, in files large enough too. */
  readonly clusterBy?: readonly string[];
  /** Lays rows along a Z curve over one to four columns. */
  readonly zOrder?: readonly string[];
  /** Only files that may hold a row it passes. */
  readonly where?: Where;
  /** No new bin is begun after this long, ms; what is done stays, another call goes on. */
  readonly timeMillisMax?: number;
}

export interface TableOptimizePlan {
  readonly version: number;
  readonly files: number;
  readonly bytes: number;
  /** Held at once, about. */
  readonly memoryBytes: number;
  /** Files that become one; `pack` copies or recodes their row groups, `rewrite` reads, orders and writes rows. */
  readonly bins: readonly {
    readonly how: 'pack' | 'rewrite';
    readonly bytes: number;
    readonly memoryBytes: number;
    readonly rows: number | null;
    readonly files: readonly string[];
  }[];
}

const KINDS: OptionKinds = { ...REQUEST_OPTIONS, targetBytes: AMOUNT, clusterBy: TEXTS, zOrder: TEXTS, timeMillisMax: AMOUNT, where: ANYTHING };

/** @throws LakefoldError INVALID_ARGUMENT; as `where` does */
export function parseOptimize(options: TableOptimizeOptions, columns: readonly Column[]): OptimizeOptions & { readonly timeMillisMax?: number } {
  checkOptions(options, KINDS);
  const { targetBytes, clusterBy, zOrder, where, timeMillisMax } = options;
  return {
    ...(targetBytes === undefined ? {} : { targetBytes }),
    ...(clusterBy === undefined ? {} : { clusterBy }),
    ...(zOrder === undefined ? {} : { zOrder }),
    ...(timeMillisMax === undefined ? {} : { timeMillisMax }),
    ...(where === undefined ? {} : { where: parseFilter(asJson(where), columns) }),
  };
}

export function shownPlan({ version, bins, files, bytes, memoryBytes }: OptimizePlan): TableOptimizePlan {
  return {
    version,
    files,
    bytes,
    memoryBytes,
    bins: bins.map((bin) => ({
      how: bin.how,
      bytes: bin.bytes,
      memoryBytes: bin.memoryBytes,
      rows: bin.rows ?? null,
      files: bin.files.map(({ path }) => path),
    })),
  };
}
