/** Where a spine's source may be read from. */
import { LakefoldError } from '../../lib/core/errors.ts';
import type { QueryDeps } from './app.ts';

/** A deployment without uploads reads no sources: a path in a request must never reach a file or bucket by itself. */
export const refusedSource: QueryDeps['openSource'] = async (source) => {
  throw new LakefoldError(
    'UNSUPPORTED_OPERATION',
    `expected spine rows or a feature group, found source ${JSON.stringify(source)}, which this deployment does not read`,
    { context: { field: 'spine.source' } },
  );
};
