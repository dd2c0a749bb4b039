/**
 * One writer process of the kill test: appends its rows one commit at a time, each under its own idempotency key, and
 * prints `ready` once the table is open and `ack <sequence> <version>` after each answer. Started again it repeats every
 * sequence number from 0 with the same keys.
 *
 * Arguments: table folder, writer number, commits.
 */
import { batchOfRows } from '../../lib/core/batch.ts';
import { LakefoldError } from '../../lib/core/errors.ts';
import { DeltaTable } from '../../lib/delta/table.ts';
import { deltaDeps } from '../support/embedded.ts';
import { WRITER_COLUMNS } from './writer-columns.ts';

async function main(): Promise<void> {
  const [folder = '', writer = '', commits = ''] = process.argv.slice(2);
  const table = await DeltaTable.open(await deltaDeps(folder), '');
  process.stdout.write('ready\n');
  for (let sequence = 0; sequence < Number(commits); sequence += 1) {
    process.stdout.write(`ack ${sequence} ${await append(table, { writer: Number(writer), sequence })}\n`);
  }
  process.stdout.write('done\n');
}

async function append(table: DeltaTable, row: { readonly writer: number; readonly sequence: number }): Promise<number> {
  const idempotency = { kind: 'request', key: `${row.writer}/${row.sequence}`, bodyHash: 'same', windowMillis: 86_400_000 } as const;
  const { outcome } = await table.append(batchOfRows(WRITER_COLUMNS, [[row.writer, row.sequence]]), { idempotency, attemptsMax: 10_000 });
  if (outcome.kind === 'committed' || outcome.kind === 'alreadyApplied') return outcome.version;
  throw new LakefoldError('COMMIT_CONFLICT', `expected a commit, found ${outcome.kind}`);
}

await main();
