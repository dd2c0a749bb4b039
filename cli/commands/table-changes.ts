/** `table changes`, `table compatibility`. */
import { CHANGE_COLUMNS, readChanges } from '../../lib/delta/changes/change-feed.ts';
import { compatibilityOf, type EngineCompatibility } from '../../lib/delta/actions/compatibility.ts';
import { selectColumns } from '../../lib/delta/rows/read.ts';
import { usageError } from '../arguments.ts';
import type { Command } from '../command.ts';
import { openLocalTable, tableAsOf } from '../local-table.ts';
import { given } from '../option-values.ts';
import type { Paint } from '../output.ts';
import { printRows, rowsTarget } from '../print-rows.ts';
import { encodeRows } from '../table-rows.ts';

const changes: Command = {
  name: 'table changes',
  usage: 'PATH',
  positionals: [1, 1],
  summary: 'Reads what commits did to rows: inserts, deletes and both images of updates.',
  options: {
    after: { kind: 'text', value: 'V', help: 'changes of the versions after this one (default: of all)' },
    to: { kind: 'text', value: 'V', help: 'up to and with this version (default: the newest)' },
    'as-of': { kind: 'text', value: 'VERSION|TIME', help: 'as --to, or by an RFC 3339 instant' },
    keys: { kind: 'text', value: 'A,B', help: 'what identifies a row, so that a changed one shows as an update' },
    columns: { kind: 'text', value: 'A,B', help: 'these columns, in this order' },
    format: { kind: 'text', value: 'ndjson|csv|parquet|arrow', help: 'default: by the ending of --out, else NDJSON' },
    out: { kind: 'text', value: 'FILE', help: 'write the rows there and print what was written' },
  },
  example: 'lakefold table changes ./flights --after 3 --to 5 --keys flight,day',
  run: async (context) => {
    const { args } = context;
    const target = rowsTarget(context);
    const asOf = tableAsOf(context);
    const to = args.integer('to');
    if (asOf !== undefined && to !== undefined) throw usageError('expected --to or --as-of, found both');
    const { deps, table } = await openLocalTable(context);
    const snapshot = await table.at(to === undefined ? asOf : { version: to });
    const columns = args.names('columns');
    const head = { root: table.root, head: snapshot };
    const rows = readChanges(deps, head, given({ fromVersion: args.integer('after'), keys: args.names('keys'), columns }));
    const shape = [...selectColumns(snapshot, columns), ...CHANGE_COLUMNS];
    await printRows(context, encodeRows(deps.codec, { columns: shape, rows }, target.format), { ...target, version: snapshot.version });
  },
};

const compatibility: Command = {
  name: 'table compatibility',
  usage: 'PATH',
  positionals: [1, 1],
  summary: 'Tells which engines can read and write a Delta table, and why not.',
  options: {},
  example: 'lakefold table compatibility ./flights',
  run: async (context) => {
    const { table } = await openLocalTable(context);
    const engines = compatibilityOf(table.snapshot);
    await context.output.value({ engines: engines.map((engine) => ({ ...engine })) }, (paint) => enginesText(engines, paint));
  },
};

export const tableChangesCommands: readonly Command[] = [changes, compatibility];

function enginesText(engines: readonly EngineCompatibility[], paint: Paint): string {
  const width = Math.max(...engines.map(({ name, since }) => name.length + since.length + 1));
  const mark = (can: boolean, word: string): string => (can ? paint(`✓ ${word}`, 'green') : paint(`✗ ${word}`, 'red'));
  return engines
    .map(({ name, since, read, write, reasons }) => {
      const head = `${`${name} ${since}`.padEnd(width)}  ${mark(read, 'reads')}  ${mark(write, 'writes')}`;
      return [head, ...reasons.map((reason) => `  ${paint(reason, 'dim')}`)].join('\n');
    })
    .join('\n');
}
