/**
 * What the next entry of an inbox takes: its first intents, each with its staged files checked. The next ones are gathered
 * while an entry is being written; a last look when it has landed brings those whose files were seen by then.
 */
import { isLakefoldError } from '../core/errors.ts';
import { GROUP_LOG_BYTES_MAX, GROUP_WRITES_MAX } from '../core/limits.ts';
import { isUlid } from '../core/ulid.ts';
import type { Control, ControlRecord } from '../ports/control.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { groupSize } from './group-committer.ts';
import { inboxOf } from './group-inbox.ts';
import { decodeIntent, type Intent } from './group-intent.ts';
import type { Refusal } from './group-member.ts';
import { stagedSizes } from './group-staged-files.ts';

export interface GatherDeps {
  readonly control: Control;
  readonly store: ObjectStore;
}

export interface InboxPlace {
  /** Of the table, by which its inbox is known. */
  readonly name: string;
  readonly root: string;
}

export interface Gathered {
  /** In the order of the inbox. */
  readonly records: readonly ControlRecord[];
  /** Bytes by path, of the files of the records and of others that were listed with them. */
  readonly sizes: ReadonlyMap<string, number>;
}

/** What one entry decides. */
export interface IntentGroup {
  /** With the fault of each whose files are not as it says. */
  readonly intents: readonly Intent[];
  readonly unreadable: ReadonlyMap<string, Refusal>;
}

/** The first intents of the inbox but those `without`, as many as one entry may take, and the sizes of their files. @throws LakefoldError STORE_UNAVAILABLE */
export async function gatherIntents(deps: GatherDeps, { name, root }: InboxPlace, without: ReadonlySet<string>): Promise<Gathered> {
  const records = await firstIntents(deps.control, name, { countMax: GROUP_WRITES_MAX, without });
  const adds = records.flatMap((record) => {
    const intent = readIntent(record);
    return 'reason' in intent ? [] : intent.adds;
  });
  return { records, sizes: await stagedSizes(deps.store, root, adds) };
}

/**
 * What was gathered, with the intents put since whose files were listed already. None of them passes an earlier one whose files
 * were not: a producer's writes keep their order.
 * @throws LakefoldError STORE_UNAVAILABLE
 */
export async function gatherLate(deps: GatherDeps, { name }: InboxPlace, early: Gathered, without: ReadonlySet<string>): Promise<Gathered> {
  const known = new Set(early.records.map(({ sort }) => sort));
  let isHeldBack = false;
  const records = (await firstIntents(deps.control, name, { countMax: GROUP_WRITES_MAX, without })).filter((record) => {
    if (known.has(record.sort)) return true;
    isHeldBack ||= !isListed(record, early.sizes);
    return !isHeldBack;
  });
  return { records, sizes: early.sizes };
}

function isListed(record: ControlRecord, sizes: Gathered['sizes']): boolean {
  const intent = readIntent(record);
  return !('reason' in intent) && intent.adds.every(({ path, size }) => sizes.get(path) === size);
}

/** The part of what was gathered that one entry takes. */
export function groupIntents({ records, sizes }: Gathered): IntentGroup {
  const unreadable = new Map<string, Refusal>();
  const readable = records.flatMap((record): Intent[] => {
    const intent = readIntent(record);
    if (!('reason' in intent)) return [withFault(intent, sizes)];
    unreadable.set(record.sort, intent);
    return [];
  });
  return { intents: readable.slice(0, groupSize(readable)), unreadable };
}

/** The first intents of the inbox that one entry may take; at least one when there are any. @throws LakefoldError STORE_UNAVAILABLE */
export async function firstIntents(
  control: Control,
  name: string,
  { countMax, without }: { readonly countMax: number; readonly without?: ReadonlySet<string> },
): Promise<readonly ControlRecord[]> {
  const records: ControlRecord[] = [];
  let bytes = 0;
  for await (const record of control.query(inboxOf(name))) {
    if (without?.has(record.sort) === true) continue;
    bytes += record.bytes.length;
    if (records.length > 0 && bytes > GROUP_LOG_BYTES_MAX) break;
    records.push(record);
    if (records.length >= countMax) break;
  }
  return records;
}

function withFault(intent: Intent, sizes: Gathered['sizes']): Intent {
  for (const { path, size } of intent.adds) {
    const found = sizes.get(path);
    if (found === undefined) return { ...intent, fault: { code: 'FILE_MISSING', reason: `expected the staged file ${path}, found nothing there` } };
    if (found !== size) return { ...intent, fault: { code: 'FILE_CORRUPT', reason: `expected ${size} bytes of ${path}, found ${found}` } };
  }
  return intent;
}

function readIntent({ sort, bytes }: ControlRecord): Intent | Refusal {
  try {
    const intent = decodeIntent(bytes);
    if (intent.id === sort && isUlid(sort)) return intent;
    return { code: 'CORRUPT_STORE', reason: `expected the intent ${sort} under its ULID, found one of ${intent.id}` };
  } catch (error) {
    if (isLakefoldError(error)) return { code: error.code, reason: error.message };
    throw error;
  }
}
