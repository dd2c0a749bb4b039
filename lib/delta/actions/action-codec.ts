/**
 * Log entries to bytes and back: one JSON object a line, one action each (PROTOCOL.md, "Actions").
 *
 * Integers keep every digit both ways. Reading drops unknown members and unknown actions, and refuses what contradicts
 * the protocol with the version and the line.
 */
import { decodeUtf8, utf8 } from '../../core/bytes.ts';
import { isLakefoldError, LakefoldError } from '../../core/errors.ts';
import { parseJson, stringifyJson, isRecord } from '../../core/json.ts';
import { actionFields } from './action-fields.ts';
import { readAction, readSidecar, type Sidecar } from './action-reader.ts';
import type { Action } from './actions.ts';
import { entryFault } from './entry-rules.ts';
import { checkSeal, seal, SEAL, UNSEALED } from '../../core/seal.ts';

export interface EntryPlace {
  /** The object, for messages. */
  readonly path: string;
  readonly version: number;
  /** The table's URI; absolute paths under it are taken as relative, all others refused. */
  readonly tableLocation?: string;
}

/** An integer too long for a double: only such lines pay for the exact parser. */
const LONG_INTEGER = /[:,[]\s*-?\d{16}/;

/** NDJSON of an entry, `commitInfo` first, otherwise in the order given. */
export function serializeActions(actions: readonly Action[]): Uint8Array {
  const first = actions.filter((action) => action.kind === 'commitInfo');
  const rest = actions.filter((action) => action.kind !== 'commitInfo');
  return utf8([...first, ...rest].map((action) => `${stringifyJson({ [action.kind]: actionFields(action) })}\n`).join(''));
}

/** NDJSON of an entry of our own: as `serializeActions`, its `commitInfo` sealed. */
export function serializeEntry(actions: readonly Action[]): Uint8Array {
  return seal(
    serializeActions(actions.map((action): Action => (action.kind === 'commitInfo' ? { ...action, tags: { ...action.tags, [SEAL]: UNSEALED } } : action))),
  );
}

/** @throws LakefoldError LOG_CORRUPT naming version and line, a broken seal or a contradiction; PATH_OUTSIDE_TABLE */
export function parseLogEntry(bytes: Uint8Array, place: EntryPlace): Action[] {
  // Parsed first: what a broken entry says wrong helps more than that it is broken.
  const actions = parseActions(bytes, place);
  if (checkSeal(bytes) === 'broken') throw corrupt(place, `the bytes that its checksum, ${SEAL}, was made of`, 'others');
  const fault = entryFault(actions);
  if (fault !== undefined) throw corrupt(place, fault.path === undefined ? `one ${fault.kind} action` : `one add of ${fault.path}`, 'two');
  return actions;
}

/** The actions of some lines of an entry, which no checksum covers. @throws as `parseLogEntry` */
export function parseActions(bytes: Uint8Array, place: EntryPlace): Action[] {
  const actions: Action[] = [];
  for (const { line, object } of linesOf(bytes, place)) {
    for (const action of readAction(object, { ...place, line })) actions.push(action);
  }
  return actions;
}

/** Actions of a JSON checkpoint, and the sidecar files that hold its adds and removes. @throws as `parseLogEntry` */
export function parseJsonCheckpoint(bytes: Uint8Array, place: EntryPlace): { readonly actions: Action[]; readonly sidecars: Sidecar[] } {
  const actions: Action[] = [];
  const sidecars: Sidecar[] = [];
  if (checkSeal(bytes) === 'broken') throw corrupt(place, `the bytes that the checksum of its checkpoint, ${SEAL}, was made of`, 'others');
  for (const { line, object } of linesOf(bytes, place)) {
    const at = { ...place, line };
    for (const action of readAction(object, at)) actions.push(action);
    const sidecar = readSidecar(object['sidecar'], at);
    if (sidecar !== undefined) sidecars.push(sidecar);
  }
  return { actions, sidecars };
}

function* linesOf(bytes: Uint8Array, place: EntryPlace): Generator<{ readonly line: number; readonly object: Readonly<Record<string, unknown>> }> {
  const text = decodeUtf8(bytes);
  if (text === undefined) throw corrupt(place, 'UTF-8', 'bytes that are not');
  const lines = text.split('\n');
  let found = 0;
  for (const [index, line] of lines.entries()) {
    if (line.trim() === '') continue;
    found += 1;
    const unfinished = index === lines.length - 1;
    yield { line: index + 1, object: parseLine(line, { ...place, line: index + 1, unfinished }) };
  }
  if (found === 0) throw corrupt(place, 'at least one action', `${bytes.length} bytes without any`);
}

function parseLine(line: string, place: EntryPlace & { readonly line: number; readonly unfinished: boolean }): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = LONG_INTEGER.test(line) ? parseJson(line) : JSON.parse(line);
  } catch (cause) {
    const found = place.unfinished ? 'a truncated last line' : 'text that is not JSON';
    throw new LakefoldError('LOG_CORRUPT', `expected one JSON object on line ${place.line} of version ${place.version} (${place.path}), found ${found}`, {
      cause: isLakefoldError(cause) ? cause : undefined,
      context: { version: place.version, line: place.line, path: place.path },
    });
  }
  if (!isRecord(value)) {
    throw new LakefoldError(
      'LOG_CORRUPT',
      `expected one JSON object on line ${place.line} of version ${place.version} (${place.path}), found ${kindOf(value)}`,
      {
        context: { version: place.version, line: place.line, path: place.path },
      },
    );
  }
  return value;
}

function kindOf(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'an array' : `a ${typeof value}`;
}

function corrupt(place: EntryPlace, expected: string, found: string): LakefoldError {
  return new LakefoldError('LOG_CORRUPT', `expected ${expected} in version ${place.version} (${place.path}), found ${found}`, {
    context: { version: place.version, path: place.path },
  });
}
