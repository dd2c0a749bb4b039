/** What `rows:erase` takes: keys as `rows:delete` does, and why they are erased. */
import { LakefoldError } from '../../core/errors.ts';
import type { JsonObject } from '../../core/json.ts';
import type { OpenGroup } from '../open-group.ts';
import { parseDelete } from '../history/parse-delete.ts';
import type { EraseRequest } from './erase-rows.ts';

const REASON_LENGTH_MAX = 1000;

/** @throws LakefoldError UNKNOWN_FIELD, INVALID_ARGUMENT without keys or a reason, and what `parseDelete` throws */
export function parseErase(group: OpenGroup, body: JsonObject): Pick<EraseRequest, 'what' | 'reason'> {
  const { reason, ...rest } = body;
  const unknown = Object.keys(rest).find((key) => key !== 'keys');
  if (unknown !== undefined)
    throw new LakefoldError('UNKNOWN_FIELD', `expected keys and reason, found ${JSON.stringify(unknown)}`, { context: { field: unknown } });
  if (typeof reason !== 'string' || reason.trim() === '' || reason.length > REASON_LENGTH_MAX)
    throw new LakefoldError(
      'INVALID_ARGUMENT',
      `expected a reason of 1 to ${REASON_LENGTH_MAX} characters, found ${typeof reason === 'string' ? reason.length : 'none'}`,
      {
        context: { field: 'reason' },
      },
    );
  const what = parseDelete(group, { keys: rest['keys'] ?? null });
  if (what.kind !== 'keys' || what.sets.length === 0)
    throw new LakefoldError('INVALID_ARGUMENT', 'expected at least one key in keys, found none', { context: { field: 'keys' } });
  return { what, reason };
}
