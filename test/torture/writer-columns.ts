/** Columns of the table the killed writers write. */
import type { Column } from '../../lib/core/types.ts';

export const WRITER_COLUMNS: readonly Column[] = [
  { name: 'writer', type: { kind: 'int' }, nullable: false },
  { name: 'sequence', type: { kind: 'int' }, nullable: false },
];
