/**
 * What each engine is known not to read of the catalogue: refused, with words of its reason, or read wrong, with the reason why that is
 * its fault. Everything not listed is read equal. A fault that goes away fails its test, so that the list stays true.
 */
export type EngineName = 'delta-rs' | 'DuckDB' | 'Polars' | 'Spark';

export type Expectation = { readonly kind: 'refused'; readonly message: RegExp } | { readonly kind: 'wrong'; readonly because: string };

const EXPECTATIONS: readonly { readonly engine: EngineName; readonly table: RegExp; readonly expectation: Expectation }[] = [
  {
    engine: 'Polars',
    table: /^(?:history, merge-on-read, by g|change files by partition, merge-on-read)$/,
    expectation: {
      kind: 'wrong',
      because: 'it loses the deletion vectors of files whose path is percent-encoded in the log, and takes partition values from that path',
    },
  },
  { engine: 'Polars', table: /^columns added, renamed and dropped/, expectation: { kind: 'refused', message: /columnMapping/ } },
  { engine: 'Polars', table: /^V2 checkpoints/, expectation: { kind: 'refused', message: /v2Checkpoint/ } },
];

/** Undefined where the engine reads the table equal. */
export function expectationOf(engine: EngineName, table: string): Expectation | undefined {
  return EXPECTATIONS.find((entry) => entry.engine === engine && entry.table.test(table))?.expectation;
}
