/** A random history of one table with hours and days between its commits. */
import { SeededRandom } from '../../lib/adapters/memory/random.ts';
import { isLakefoldError } from '../../lib/core/errors.ts';
import type { DeltaTable } from '../../lib/delta/table.ts';
import type { TableFixture } from './table-fixture.ts';
import { batchOf, columnsOf, type TableShape } from './table-model.ts';
import { randomOp } from './table-ops.ts';

const DAY = 24 * 3_600_000;

export interface DaysOptions {
  readonly seed: number;
  readonly shape: TableShape;
  /** 14 unless given. */
  readonly commits?: number;
  /** Days between commits at most; 2.5 unless given. */
  readonly gapDays?: number;
  readonly afterEach?: (handle: DeltaTable) => Promise<void>;
}

export async function makeHistory({ table, clock, open }: Pick<TableFixture, 'table' | 'clock' | 'open'>, options: DaysOptions): Promise<void> {
  const random = new SeededRandom(options.seed);
  const { shape, gapDays = 2.5 } = options;
  const columns = columnsOf(shape);
  for (let i = 0; i < (options.commits ?? 14); i += 1) {
    await clock.advance(Math.floor(random.unit() * gapDays * DAY));
    const handle = random.unit() < 0.3 ? await open() : table;
    await handle.refresh();
    const op = randomOp(random, { shape, head: handle.snapshot.version });
    switch (op.kind) {
      case 'append':
        await handle.append(batchOf(columns, op.rows));
        break;
      case 'upsert':
        await handle.upsert(batchOf(columns, op.rows), { keys: ['k'], eventTime: 'e' });
        break;
      case 'overwrite':
        await handle.overwrite(batchOf(columns, op.rows));
        break;
      case 'deleteKeys':
        await handle.delete({ kind: 'keys', sets: [{ columns: ['k'], rows: op.keys.map(({ k }) => [k]) }] });
        break;
      case 'deleteWhere':
        await handle.delete({ kind: 'where', filter: op.where.filter });
        break;
      case 'restore':
        // Files past the table's own retention are not brought back: a vacuum may be deleting them.
        await handle.restore({ version: op.version }).catch((error: unknown) => {
          if (!isLakefoldError(error, 'HISTORY_EXPIRED')) throw error;
        });
        break;
      case 'optimize':
        await handle.optimize();
        break;
      default:
        await handle.checkpoint();
    }
    await options.afterEach?.(handle);
  }
  await clock.advance(Math.floor(random.unit() * 2 * gapDays * DAY));
}
