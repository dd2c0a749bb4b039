/** Eight writers of everything beside a compactor and a vacuum, on local files: the table is what a serial replay in commit order gives. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deltaDeps } from '../../support/embedded.ts';
import { runMixedWriters } from '../../support/mixed-writers.ts';
import type { TableShape } from '../../support/table-model.ts';

const WRITERS = 8;
const OPERATIONS = 50;
/** Thousands of fsyncs on a busy disk. */
const MILLIS_MAX = 300_000;

describe('writers of mixed operations on local files', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lakefold-mixed-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const shapes: readonly TableShape[] = [
    { profile: 'merge-on-read', hasEventTime: true, partitionBy: [] },
    { profile: 'compatible', hasEventTime: false, partitionBy: ['p'] },
  ];
  for (const shape of shapes) {
    it(
      `leave at every version what their operations say, on a ${shape.profile} table partitioned by ${shape.partitionBy.join() || 'nothing'}`,
      async () => {
        // Each opens the folder by itself, as another process would.
        const ports = await Promise.all(Array.from({ length: WRITERS + 3 }, () => deltaDeps(folder)));
        const report = await runMixedWriters({
          seed: 4,
          shape,
          writers: WRITERS,
          operations: OPERATIONS,
          open: () => {
            const deps = ports.pop();
            if (deps === undefined) throw new Error('more were opened than there are');
            return deps;
          },
        });
        expect(report.faults).toEqual([]);
        expect([report.vacuumed, report.expired].map((count) => count > 0)).toEqual([true, true]);
        for (const kind of ['append', 'upsert', 'deleteKeys', 'deleteWhere', 'overwrite', 'overwriteWhere', 'update', 'restore', 'optimize', 'alter'])
          expect(report.committed[kind] ?? 0, kind).toBeGreaterThan(0);
      },
      MILLIS_MAX,
    );
  }
});
