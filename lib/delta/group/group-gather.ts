/**
 * What the next entry of an inbox takes: its first intents, each with its staged files checked. While an entry is being
 * written the inbox is looked at already, and one listing checks the files of intents that are still on their way.
 */
import { bytesEqual } from '../../core/bytes.ts';
import { isLakefoldError } from '../../core/errors.ts';
import {
  GROUP_IDLE_LOOK_MILLIS,
  GROUP_LOG_BYTES_MAX,
  GROUP_LOOK_MILLIS,
  GROUP_LOOKS_AHEAD_MAX,
  GROUP_WRITES_MAX,
  PLAN_AGE_MAX_MILLIS,
  QUEUED_FILES_KEPT_MILLIS,
} from '../../core/limits.ts';
import { formatMillis } from '../../core/time.ts';
import { isUlid, millisOfUlid } from '../../core/ulid.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Control, ControlRecord } from '../../ports/control.ts';
import type { ObjectStore } from '../../ports/object-store.ts';
import { groupSize } from './group-committer.ts';
import { inboxOf } from './group-inbox.ts';
import { decodeIntent, type Intent } from './group-intent.ts';
import type { Refusal } from './group-member.ts';
import { stagedSizes } from './group-staged-files.ts';
import { type InboxView, planStep } from './group-step.ts';

export interface GatherDeps {
  readonly control: Control;
  readonly store: ObjectStore;
  readonly clock: Pick<Clock, 'now' | 'monotonicMillis' | 'sleep'>;
}

export interface InboxPlace {
  /** Of the table, by which its inbox is known. */
  readonly name: string;
  readonly root: string;
}

/** What one entry decides; empty when the inbox has been for long enough. */
export interface IntentGroup {
  /** With the fault of each whose files are not as it says. */
  readonly intents: readonly Intent[];
  readonly unreadable: ReadonlyMap<string, Refusal>;
  /** The bytes of all of them, by id. */
  readonly bytes: ReadonlyMap<string, Uint8Array>;
}

/** An entry that is being written. */
export interface OpenEntry {
  /** Of the intents it decides and of those decided before: they are in the inbox until it has landed. */
  readonly decided: ReadonlySet<string>;
  /** How many it decides. */
  readonly writes: number;
  /** Never rejects; false when it came to nothing. */
  readonly landed: Promise<boolean>;
}

interface Seen {
  readonly bytes: Uint8Array;
  /** ms. */
  readonly since: number;
  /** Once its files are checked, with their fault if they have one. */
  readonly intent: Intent | Refusal;
  readonly isChecked: boolean;
}

/** What has become of the entry before; of none, that it landed long ago. */
interface Followed {
  readonly writes: number;
  readonly ended: Promise<void>;
  readonly state: () => 'landing' | 'landed' | 'failed';
  /** Infinite where there was none. */
  readonly sinceLandedMillis: () => number;
}

function followed(open: OpenEntry | undefined, clock: Pick<Clock, 'monotonicMillis'>): Followed {
  let state: ReturnType<Followed['state']> = open === undefined ? 'landed' : 'landing';
  let landedAt = -Infinity;
  const follow = async (): Promise<void> => {
    if (open === undefined) return;
    state = (await open.landed) ? 'landed' : 'failed';
    landedAt = clock.monotonicMillis();
  };
  return { writes: open?.writes ?? 0, ended: follow(), state: () => state, sinceLandedMillis: () => clock.monotonicMillis() - landedAt };
}

/** One drain's view of an inbox. */
export class IntentGatherer {
  readonly #deps: GatherDeps;
  readonly #place: InboxPlace;
  /** In the order of the inbox. */
  #seen = new Map<string, Seen>();
  /** Bytes by path, of every file that the newest check met. */
  #listed: ReadonlyMap<string, number> = new Map();
  #checking: Promise<void> | undefined;

  constructor(deps: GatherDeps, place: InboxPlace) {
    this.#deps = deps;
    this.#place = place;
  }

  /** The next entry's intents, once the open one has landed. @throws LakefoldError STORE_UNAVAILABLE */
  async next(open?: OpenEntry): Promise<IntentGroup> {
    const before = followed(open, this.#deps.clock);
    let expected: number | undefined;
    for (let looks = 1; ; looks += 1) {
      await this.#look(open?.decided ?? new Set());
      if (before.state() === 'failed') return this.#take(0);
      // Whoever was answered by it writes again, and those who wait now do after the next one.
      if (before.state() === 'landed') expected ??= before.writes + this.#seen.size;
      const step = planStep(this.#view(before, expected ?? before.writes));
      switch (step) {
        case 'take':
          return this.#take(this.#checkedFromFirst());
        case 'end':
          return this.#take(0);
        case 'check':
          await this.#check();
          break;
        case 'checkAhead':
        case 'wait':
          if (step === 'checkAhead') this.#checkAhead();
          await this.#pause(before, looks);
      }
    }
  }

  /** Until nothing is asked of the store any more. */
  async settle(): Promise<void> {
    await Promise.allSettled([this.#checking]);
  }

  async #look(without: ReadonlySet<string>): Promise<void> {
    const now = this.#deps.clock.monotonicMillis();
    const records = await firstIntents(this.#deps.control, this.#place.name, { countMax: GROUP_WRITES_MAX, without });
    this.#seen = new Map(
      records.map(({ sort, bytes }) => {
        const known = this.#seen.get(sort);
        const seen =
          known !== undefined && bytesEqual(known.bytes, bytes) ? known : { bytes, since: now, intent: readIntent({ sort, bytes }), isChecked: false };
        return [sort, seen.isChecked ? seen : { ...seen, isChecked: 'reason' in seen.intent || areListed(seen.intent, this.#listed) }];
      }),
    );
  }

  /** How many intents from the first on are checked: none passes an earlier one that isn't, so that a producer's writes keep their order. */
  #checkedFromFirst(): number {
    const at = [...this.#seen.values()].findIndex(({ isChecked }) => !isChecked);
    return at === -1 ? this.#seen.size : at;
  }

  #view(before: Followed, expected: number): InboxView {
    const now = this.#deps.clock.monotonicMillis();
    const seen = [...this.#seen.values()];
    return {
      count: seen.length,
      checked: this.#checkedFromFirst(),
      unchecked: seen.filter(({ isChecked }) => !isChecked).length,
      expected,
      isLanding: before.state() === 'landing',
      sinceLandedMillis: before.sinceLandedMillis(),
      waitedMillis: now - Math.min(now, ...seen.map(({ since }) => since)),
    };
  }

  /** Until it is time to look again; of an open entry that takes long, until it has landed. */
  async #pause({ state, ended }: Followed, looks: number): Promise<void> {
    const sleep = (): Promise<void> => this.#deps.clock.sleep(this.#seen.size === 0 ? GROUP_IDLE_LOOK_MILLIS : GROUP_LOOK_MILLIS);
    if (state() !== 'landing') return sleep();
    await (looks < GROUP_LOOKS_AHEAD_MAX ? Promise.race([sleep(), ended]) : ended);
  }

  #check(): Promise<void> {
    this.#checking ??= this.#checkFiles().finally(() => {
      this.#checking = undefined;
    });
    return this.#checking;
  }

  /** Where it fails unawaited the next one fails as well. */
  #checkAhead(): void {
    this.#check().catch(() => {});
  }

  async #checkFiles(): Promise<void> {
    const asked = new Map([...this.#seen].filter(([, { isChecked }]) => !isChecked));
    const adds = [...asked.values()].flatMap(({ intent }) => ('reason' in intent ? [] : intent.adds));
    const sizes = await stagedSizes(this.#deps.store, this.#place.root, adds);
    this.#listed = sizes;
    for (const [id, { bytes }] of asked) {
      const seen = this.#seen.get(id);
      if (seen === undefined || 'reason' in seen.intent || !bytesEqual(seen.bytes, bytes)) continue;
      this.#seen.set(id, { ...seen, intent: withFault(seen.intent, sizes), isChecked: true });
    }
  }

  /** As many of the first `count` as one entry takes. */
  #take(count: number): IntentGroup {
    const taken = [...this.#seen].slice(0, count);
    const now = this.#deps.clock.now();
    const unreadable = new Map<string, Refusal>();
    const readable: Intent[] = [];
    for (const [id, { intent }] of taken) {
      if ('reason' in intent) unreadable.set(id, intent);
      else readable.push(isPastFence(intent, now) ? { ...intent, fault: fenced(intent) } : intent);
    }
    return { intents: readable.slice(0, groupSize(readable)), unreadable, bytes: new Map(taken.map(([id, { bytes }]) => [id, bytes])) };
  }
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

function areListed({ adds }: Intent, sizes: ReadonlyMap<string, number>): boolean {
  return adds.every(({ path, size }) => sizes.get(path) === size);
}

function withFault(intent: Intent, sizes: ReadonlyMap<string, number>): Intent {
  for (const { path, size } of intent.adds) {
    const found = sizes.get(path);
    if (found === undefined) return { ...intent, fault: { code: 'FILE_MISSING', reason: `expected the staged file ${path}, found nothing there` } };
    if (found !== size) return { ...intent, fault: { code: 'FILE_CORRUPT', reason: `expected ${size} bytes of ${path}, found ${found}` } };
  }
  return intent;
}

/** An entry may take as long to land as a plan may be old: by then no vacuum may have begun to take the files of its intents. */
function isPastFence({ id }: Intent, now: number): boolean {
  return now - millisOfUlid(id) > QUEUED_FILES_KEPT_MILLIS - PLAN_AGE_MAX_MILLIS;
}

function fenced({ id }: Intent): Refusal {
  const stagedAt = formatMillis(millisOfUlid(id));
  const days = (QUEUED_FILES_KEPT_MILLIS - PLAN_AGE_MAX_MILLIS) / 86_400_000;
  return {
    code: 'WRITER_FENCED',
    reason: `expected an intent of the last ${days} days, found one staged at ${stagedAt}, whose files vacuum may take; send it again`,
  };
}

function readIntent({ sort, bytes }: Pick<ControlRecord, 'sort' | 'bytes'>): Intent | Refusal {
  try {
    const intent = decodeIntent(bytes);
    if (intent.id === sort && isUlid(sort)) return intent;
    return { code: 'CORRUPT_STORE', reason: `expected the intent ${sort} under its ULID, found one of ${intent.id}` };
  } catch (error) {
    if (isLakefoldError(error)) return { code: error.code, reason: error.message };
    throw error;
  }
}
