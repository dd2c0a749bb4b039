/** What `verify` finds (shapes.md, `:verify`), collected under a bound. */
import { VERIFY_FINDINGS_MAX } from '../../core/limits.ts';
import { LakefoldError } from '../../core/errors.ts';
import type { JsonObject } from '../../core/json.ts';

export type FindingCode =
  | 'MISSING_FILE'
  | 'FILE_CORRUPT'
  | 'SIZE_DIFFERS'
  | 'STATS_DIFFER'
  | 'DELETION_VECTOR_CORRUPT'
  | 'DELETION_VECTOR_DIFFERS'
  | 'DUPLICATE_ADD'
  | 'DUPLICATE_ROW'
  | 'INVALID_ROW'
  | 'STALE_POINTER'
  | 'COMPACTION_OVERLAPS'
  | 'PATH_OUTSIDE_TABLE'
  | 'CHECKSUM_DIFFERS'
  | 'LOG_GAP'
  | 'CHECKPOINT_DIFFERS';

export interface Finding {
  readonly code: FindingCode;
  /** The row's key, of `DUPLICATE_ROW` and `INVALID_ROW`. */
  readonly key: JsonObject | null;
  /** Under the table. */
  readonly path: string | null;
  readonly version: number | null;
  /** Expected, found, where. */
  readonly message: string;
}

export class Findings {
  readonly #found: Finding[] = [];
  readonly #paths = new Set<string>();
  #count = 0;

  add(code: FindingCode, message: string, where: { readonly path?: string; readonly version?: number; readonly key?: JsonObject } = {}): void {
    this.#count += 1;
    if (where.path !== undefined) this.#paths.add(where.path);
    if (this.#found.length < VERIFY_FINDINGS_MAX)
      this.#found.push({ code, key: where.key ?? null, path: where.path ?? null, version: where.version ?? null, message });
  }

  /** At most `VERIFY_FINDINGS_MAX`. */
  get listed(): readonly Finding[] {
    return this.#found;
  }

  /** Whether one is of that file. */
  names(path: string): boolean {
    return this.#paths.has(path);
  }

  get count(): number {
    return this.#count;
  }
}

const CODE_OF: Readonly<Record<string, FindingCode>> = {
  FILE_MISSING: 'MISSING_FILE',
  PATH_OUTSIDE_TABLE: 'PATH_OUTSIDE_TABLE',
  DELETION_VECTOR_CORRUPT: 'DELETION_VECTOR_CORRUPT',
};

/** The finding a corrupt object is; what is no damage (a store that is down, an unsupported feature) is thrown on. */
export function findingOf(error: unknown): { readonly code: FindingCode; readonly message: string; readonly path: string | undefined } {
  if (!(error instanceof LakefoldError) || (error.kind !== 'corrupt' && error.code !== 'PATH_OUTSIDE_TABLE')) throw error;
  const cause = error.code === 'CHECKPOINT_CORRUPT' && error.cause instanceof LakefoldError ? error.cause : error;
  const path = cause.context['path'];
  return { code: CODE_OF[cause.code] ?? 'FILE_CORRUPT', message: cause.message, path: typeof path === 'string' ? path : undefined };
}
