/** Rows on stdout, or in the file of `--out`. */
import { extname, resolve } from 'node:path';
import { parseCsv } from '../lib/features/ingest/csv.ts';
import { lazyParquetCodec } from '../lib/store/lazy-codec.ts';
import { fileSource } from '../lib/store/local-source.ts';
import { usageError } from './arguments.ts';
import type { CommandContext } from './command.ts';
import { progress } from './progress.ts';
import { writeFileFrom, type WrittenFile } from './rows-to-file.ts';

/** `arrow` is the stream form of Arrow IPC. */
export type OutFormat = 'ndjson' | 'csv' | 'parquet' | 'arrow';

/** `--format` and `--out`: by the ending of the file unless said, else NDJSON. @throws LakefoldError a usage error */
export function rowsTarget({ args, terminal }: CommandContext): Omit<RowsTarget, 'version'> {
  const [asked, out] = [args.text('format'), args.text('out')];
  const format = formatOf(asked, out);
  if ((format === 'parquet' || format === 'arrow') && out === undefined && terminal.stdout.isTTY === true)
    throw usageError(`expected --out with --format ${format}: a screen cannot show it`);
  return { format, out: out === undefined ? undefined : { path: resolve(terminal.cwd, out), shown: out } };
}

function formatOf(asked: string | undefined, out: string | undefined): OutFormat {
  const name = asked ?? (out === undefined ? 'ndjson' : extname(out).slice(1).toLowerCase());
  if (name === 'ndjson' || name === 'csv' || name === 'parquet' || name === 'arrow') return name;
  if (asked === undefined) return 'ndjson';
  throw usageError(`expected ndjson, csv, parquet or arrow as --format, found ${JSON.stringify(asked)}`);
}

export interface RowsTarget {
  readonly format: OutFormat;
  /** Of the rows' table; null where they come from several. */
  readonly version: number | null;
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
    (paint) => `${paint('✓', 'green')} ${rows} rows${version === null ? '' : ` of version ${version}`} in ${out.shown} (${written.bytes} bytes)`,
  );
}

async function rowsOf(path: string, format: OutFormat, written: WrittenFile): Promise<number> {
  const source = fileSource(path, written.bytes);
  switch (format) {
    case 'ndjson':
      return written.newlines;
    case 'csv':
      return parseCsv(await source.readAll()).rows.length;
    case 'arrow':
      return (await import('apache-arrow')).tableFromIPC(await source.readAll()).numRows;
    case 'parquet':
      return (await lazyParquetCodec().describe(source)).rowCount;
  }
}
