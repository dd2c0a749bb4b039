/**
 * The inbox of a table (delta.md, "Group commit"): staged writes wait in the Control port in the order of their ULIDs. The
 * refused ones lie beside it, with the reason, until they are put back or 14 days have passed.
 */
import { concatBytes, decodeUtf8, utf8 } from '../../core/bytes.ts';
import { type ErrorCode, LakefoldError } from '../../core/errors.ts';
import { isJsonObject, type Json, parseJson, stringifyJson } from '../../core/json.ts';
import { CONTROL_RECORD_BYTES_MAX, DEAD_INTENTS_KEPT_MILLIS } from '../../core/limits.ts';
import type { UlidSource } from '../../core/ulid.ts';
import type { Control } from '../../ports/control.ts';
import type { Queue } from '../../ports/queue.ts';
import type { DeltaDeps } from '../deps.ts';
import { encodeIntent, type Intent } from './group-intent.ts';
import type { Refusal } from './group-member.ts';
import { type GroupWriteRequest, stageMember } from './group-stage.ts';
import type { Snapshot } from '../snapshot/snapshot-state.ts';

export interface InboxDeps extends DeltaDeps {
  readonly control: Control;
  readonly queue: Queue;
}

export interface QueuedWrite extends GroupWriteRequest {
  readonly committedBy?: string;
  readonly validation?: Json;
  readonly report?: string | null;
}

/** The partition of the intents of the table called `name`. */
export function inboxOf(name: string): string {
  return `inbox/${name}`;
}

export function deadBoxOf(name: string): string {
  return `dead/${name}`;
}

/**
 * Stages the write and puts its intent into the inbox; acknowledged once that is durable: it will be committed, or refused
 * with a reason. `ids` is the producer's: its writes commit in the order of its calls.
 * @throws LakefoldError as `stageMember`; LIMIT_EXCEEDED for more files than an intent can name, which are to be committed alone
 */
export async function enqueueWrite(
  deps: InboxDeps,
  target: { readonly name: string; readonly root: string; readonly snapshot: Snapshot; readonly ids: UlidSource },
  { committedBy, validation = null, report = null, ...request }: QueuedWrite,
): Promise<Intent> {
  const { root, snapshot } = target;
  const member = await stageMember(deps, { root, snapshot, id: target.ids.next() }, request);
  const intent: Intent = { ...member, ...(committedBy === undefined ? {} : { committedBy }), validation, report };
  const bytes = encodeIntent(intent);
  if (bytes.length > INTENT_BYTES_MAX)
    throw new LakefoldError('LIMIT_EXCEEDED', `expected an intent of at most ${INTENT_BYTES_MAX} bytes, found ${bytes.length} for ${intent.adds.length} files`);
  try {
    await deps.control.put({ partition: inboxOf(target.name), sort: intent.id, bytes });
  } catch (error) {
    // It may stand there all the same: then it is to be decided now, not when somebody else writes.
    await ringDoorbell(deps.queue, target.name).catch((cause: unknown) => deps.log.warn('group.doorbell_not_rung', { table: target.name, error: cause }));
    throw error;
  }
  await ringDoorbell(deps.queue, target.name);
  return intent;
}

/** Wakes a committer for the table; rung once more than needed, it finds an empty inbox. */
async function ringDoorbell(queue: Queue, name: string): Promise<void> {
  await queue.send(stringifyJson({ format: 1, table: name }));
}

/** The table a doorbell is rung for. @throws LakefoldError CORRUPT_STORE, UNSUPPORTED_FORMAT */
export function parseDoorbell(body: string): string {
  const message = parseJson(body);
  if (!isJsonObject(message) || typeof message['table'] !== 'string') throw new LakefoldError('CORRUPT_STORE', 'expected a doorbell, found another message');
  if (message['format'] !== 1) throw new LakefoldError('UNSUPPORTED_FORMAT', `expected a doorbell of format 1, found ${stringifyJson(message['format'])}`);
  return message['table'];
}

/** An intent that was refused: one line of JSON, then the intent's own bytes as they were. */
export interface DeadIntent extends Refusal {
  readonly id: string;
  /** Epoch ms. */
  readonly refusedAt: number;
  readonly intent: Uint8Array;
}

/** Moves an intent out of the inbox; a crash between the two steps repeats them. */
export async function buryIntent(
  deps: Pick<InboxDeps, 'control' | 'clock' | 'log'>,
  name: string,
  dead: Refusal & { readonly id: string; readonly intent: Uint8Array },
): Promise<void> {
  const { id, code, reason } = dead;
  const head = utf8(`${stringifyJson({ format: 1, code, reason: reason.slice(0, REASON_LENGTH_MAX), refusedAt: deps.clock.now() })}\n`);
  await deps.control.put({ partition: deadBoxOf(name), sort: id, bytes: concatBytes([head, dead.intent]) });
  await deps.control.delete(inboxOf(name), id);
  deps.log.error('group.intent_refused', { table: name, intent: id, code, reason });
}

/** With its escapes and the rest of the head it leaves an intent room in a control record. */
const REASON_LENGTH_MAX = 1000;
const INTENT_BYTES_MAX = CONTROL_RECORD_BYTES_MAX - 8 * 1024;

/** Undefined when no such intent was refused. @throws LakefoldError CORRUPT_STORE */
export async function findDead(control: Control, name: string, id: string): Promise<DeadIntent | undefined> {
  const record = await control.get(deadBoxOf(name), id, { consistent: true });
  return record === undefined ? undefined : parseDead(id, record.bytes);
}

/** The refused intents, oldest first. @throws LakefoldError CORRUPT_STORE */
export async function* listDead(control: Control, name: string): AsyncIterable<DeadIntent> {
  for await (const { sort, bytes } of control.query(deadBoxOf(name))) yield parseDead(sort, bytes);
}

function parseDead(id: string, bytes: Uint8Array): DeadIntent {
  const end = bytes.indexOf(0x0a);
  const head = end === -1 ? undefined : parseJson(decodeUtf8(bytes.subarray(0, end)) ?? 'null');
  if (!isJsonObject(head) || head['format'] !== 1 || typeof head['reason'] !== 'string')
    throw new LakefoldError('CORRUPT_STORE', `expected a refused intent of format 1 at ${id}, found something else`);
  return { id, code: head['code'] as ErrorCode, reason: head['reason'], refusedAt: Number(head['refusedAt']), intent: bytes.slice(end + 1) };
}

/** Puts a refused intent back in its old place, to be tried again; false when it is not there. */
export async function redrive(deps: Pick<InboxDeps, 'control' | 'queue'>, name: string, id: string): Promise<boolean> {
  const dead = await findDead(deps.control, name, id);
  if (dead === undefined) return false;
  await deps.control.put({ partition: inboxOf(name), sort: id, bytes: dead.intent });
  await deps.control.delete(deadBoxOf(name), id);
  await ringDoorbell(deps.queue, name);
  return true;
}

/** Forgets intents that were refused more than 14 days ago; answers how many. */
export async function forgetDead(deps: Pick<InboxDeps, 'control' | 'clock'>, name: string): Promise<number> {
  const old: string[] = [];
  for await (const dead of listDead(deps.control, name)) if (deps.clock.now() - dead.refusedAt > DEAD_INTENTS_KEPT_MILLIS) old.push(dead.id);
  for (const id of old) await deps.control.delete(deadBoxOf(name), id);
  return old.length;
}

/** Forgets all intents that were refused: what they name is to be gone. */
export async function forgetEveryDead(control: Pick<Control, 'query' | 'delete'>, name: string): Promise<void> {
  const ids: string[] = [];
  for await (const { sort } of control.query(deadBoxOf(name))) ids.push(sort);
  for (const id of ids) await control.delete(deadBoxOf(name), id);
}
