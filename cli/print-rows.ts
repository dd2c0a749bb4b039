/** Rows on stdout, or in the file of `--out`. */
import { extname } from 'node:path';
import { LakefoldError } from '../lib/core/errors.ts';
import { parseCsv } from '../lib/features/csv.ts';
import { lazyParquetCodec } from '../lib/store/lazy-codec.ts';
import { fileSource } from '../lib/store/local-source.ts';
import { usageError } from './arguments.ts';
import type { CommandContext } from './command.ts';
import { progress } from './progress.ts';
import { writeFileFrom, type WrittenFile } from './rows-to-file.ts';

export type OutFormat = 'ndjson' | 'csv' | 'parquet';

/** `--format`, else by the ending of `--out`, else NDJSON. @throws LakefoldError a usage error, UNSUPPORTED_OPERATION for arrow */
export function rowsFormatOption(format: string | undefined, out: string | undefined): OutFormat {
  const name = format ?? (out === undefined ? 'ndjson' : extname(out).slice(1).toLowerCase());
  switch (name) {
    case 'csv':
    case 'parquet':
      return name;
    case 'arrow':
      throw new LakefoldError('UNSUPPORTED_OPERATION', 'expected --format ndjson, csv or parquet, found arrow, which this version does not write', {
        context: { format: 'arrow' },
      });
    case 'ndjson':
      return name;
    default:
      if (format === undefined) return 'ndjson';
      throw usageError(`expected ndjson, csv or parquet as --format, found ${JSON.stringify(format)}`);
  }
}

export interface RowsTarget {
  readonly format: OutFormat;
  readonly version: number;
  /** The file to write: where, and as the user named it. */
  readonly out: { readonly path: string; readonly shown: string } | undefined;
}

/** Prints rows as they come; with `out`, writes them and prints `{"path","rows","bytes","version"}`. */
export async function printRows(context: CommandContext, chunks: AsyncIterable<Uint8Array>, target: RowsTarget): Promise<void> {
  const { output } = context;
  const { out, format, version } = target;
  if (out === undefined) {
    await (format === 'ndjson' ? output.rows(chunks) : output.raw(chunks));
    return;
  }
  const bar = progress(context, out.shown, 'bytes');
  const written = await writeFileFrom(out.path, chunks, (bytes) => bar.update(bytes)).finally(() => bar.end());
  const rows = await rowsOf(out.path, format, written);
  await output.value(
    { path: out.shown, rows, bytes: written.bytes, version },
    (paint) => `${paint('✓', 'green')} ${rows} rows of version ${version} in ${out.shown} (${written.bytes} bytes)`,
  );
}

async function rowsOf(path: string, format: OutFormat, written: WrittenFile): Promise<number> {
  const source = fileSource(path, written.bytes);
  switch (format) {
    case 'ndjson':
      return written.newlines;
    case 'csv':
      return parseCsv(await source.readAll()).rows.length;
    case 'parquet':
      return (await lazyParquetCodec().describe(source)).rowCount;
  }
}
