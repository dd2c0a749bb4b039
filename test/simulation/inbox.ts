/** Queued writes: producers that put intents into the table's inbox, and committers that answer its doorbell. */
import { isLakefoldError } from '../../lib/core/errors.ts';
import { millisOfUlid, UlidSource } from '../../lib/core/ulid.ts';
import { answerDoorbell } from '../../lib/delta/group/group-drain.ts';
import { enqueueWrite, findDead, inboxOf, type InboxDeps } from '../../lib/delta/group/group-inbox.ts';
import { DeltaTable } from '../../lib/delta/table.ts';
import { isSleptOver, openTable, type Actor, type Stage } from './actors.ts';
import { appIdOf, type Call, type Wave } from './grouper.ts';
import { DAY, HOUR, SECOND, SKEW_MAX } from './knobs.ts';
import { ROOT } from './log-lines.ts';
import { batchOf } from './model.ts';
import { KEY_WINDOW, type Member } from './oracle.ts';
import { simulatedControl, simulatedQueue } from './simulated-services.ts';

const NAME = 'p/t/1';
/** Doorbells answered by a committer that was woken. */
const DOORBELLS_MAX = 3;
const VISIBILITY_SECONDS = 60;
/** What was staged is left alone for 15 days, so that later than this nobody names it; the clocks of who staged and who refused differ. */
const STAGED_KEPT = 14.5 * DAY - 2 * SKEW_MAX;
const ENQUEUE_TRIES_MAX = 30;

/** A write that was acknowledged: it has to be in the log by the end. */
export interface Acknowledged {
  readonly id: string;
  /** Its request's, or its own. */
  readonly appId: string;
}

function inboxDeps(stage: Stage): InboxDeps {
  return { ...stage.deps, control: simulatedControl(stage.process), queue: simulatedQueue(stage.process) };
}

/** Tells the oracle of each identifier before anybody else knows it. */
class ToldIds extends UlidSource {
  readonly #tell: (id: string) => void;

  constructor(deps: ConstructorParameters<typeof UlidSource>[0], tell: (id: string) => void) {
    super(deps);
    this.#tell = tell;
  }

  override next(): string {
    const id = super.next();
    this.#tell(id);
    return id;
  }
}

/** Enqueues each call; one in two has a key, and is repeated until it is acknowledged, some twice. */
export function producer(name: string, waves: readonly Wave[], acknowledged: Acknowledged[]): Actor {
  const calls = waves.flatMap(({ at, calls: each }) => each.map((call) => ({ at, call: madeOnce(call) })));
  let next = 0;
  return {
    name,
    run: async (stage) => {
      const table = await openTable(stage);
      for (let step = calls[next]; step !== undefined; step = calls[next]) {
        await stage.sleepUntil(step.at);
        const isKeyed = next % 2 === 0;
        // One without a key is tried once: whoever repeats it writes it twice.
        if (!isKeyed) next += 1;
        const { call } = step;
        for (let tries = 0; tries < ENQUEUE_TRIES_MAX; tries += 1) {
          const isDone = await enqueue(stage, { table, call, isKeyed, acknowledged });
          if (!isKeyed || (isDone && (tries > 0 || !call.isTwice))) break;
          await stage.deps.clock.sleep(stage.world.dice.unit() * SECOND);
        }
        if (isKeyed) next += 1;
      }
    },
  };
}

/** The same rows for every delivery. */
function madeOnce(call: Call): Call {
  let op: ReturnType<Call['op']> | undefined;
  return { ...call, op: () => (op ??= call.op()) };
}

async function enqueue(
  stage: Stage,
  write: { readonly table: DeltaTable; readonly call: Call; readonly isKeyed: boolean; readonly acknowledged: Acknowledged[] },
): Promise<boolean> {
  const { oracle, knobs } = stage.world;
  const { table, call, isKeyed, acknowledged } = write;
  const op = call.op();
  for (const row of op.rows) oracle.rows.set(row.id, row);
  const member = (appId: string): Member => ({ appId, op, isUncertain: true });
  const ids = new ToldIds(stage.deps, (id) => {
    const appId = appIdOf(isKeyed ? call.key : `write/${id}`);
    oracle.members.set(appId, member(appId));
  });
  try {
    const intent = await enqueueWrite(
      inboxDeps(stage),
      { name: NAME, root: ROOT, snapshot: table.snapshot, ids },
      {
        batch: batchOf(knobs.hasEventTime, op.rows),
        what: op.kind === 'append' ? { kind: 'append', sortBy: ['k'] } : { kind: 'upsert', keys: ['k'], ...(knobs.hasEventTime ? { eventTime: 'e' } : {}) },
        ...(isKeyed ? { idempotency: { kind: 'request', key: call.key, bodyHash: 'same', windowMillis: KEY_WINDOW } } : {}),
      },
    );
    acknowledged.push({ id: intent.id, appId: appIdOf(isKeyed ? call.key : `write/${intent.id}`) });
    return true;
  } catch (error) {
    if (!isStoreTrouble(error)) throw error;
    return false;
  }
}

/** Answers what rings at each of the times. */
export function committer(name: string, times: readonly number[]): Actor {
  let next = 0;
  return {
    name,
    run: async (stage) => {
      for (let at = times[next]; at !== undefined; at = times[next]) {
        await stage.sleepUntil(at);
        next += 1;
        for (let bells = 0; bells < DOORBELLS_MAX; bells += 1) if (!(await answerOne(stage))) break;
      }
    },
  };
}

/** False when nothing rings. */
async function answerOne(stage: Stage): Promise<boolean> {
  const { world, process } = stage;
  const deps = inboxDeps(stage);
  const startedAt = world.scheduler.now;
  process.attempt = { who: process.name, op: { kind: 'group' }, key: undefined, startedAt, ackedBefore: 0, headBefore: 0 };
  try {
    const [message] = await deps.queue.receive({ countMax: 1, visibilitySeconds: VISIBILITY_SECONDS });
    if (message === undefined) return false;
    const report = await answerDoorbell(deps, message, () => DeltaTable.open(deps, ROOT));
    world.trace.note(world.scheduler.now, process.name, `inbox is ${report.kind}`, report.versions.join());
    return true;
  } catch (error) {
    const isFenced = world.scheduler.now - startedAt > HOUR && isLakefoldError(error, 'WRITER_FENCED');
    const isLate = isFenced || isSleptOver(stage, startedAt, error);
    if (!isLate && !isStoreTrouble(error) && !isLakefoldError(error, 'COMMIT_CONFLICT') && !isLakefoldError(error, 'COMMIT_OUTCOME_UNKNOWN')) throw error;
    return true;
  } finally {
    process.attempt = undefined;
  }
}

function isStoreTrouble(error: unknown): boolean {
  return isLakefoldError(error, 'STORE_UNAVAILABLE') || isLakefoldError(error, 'STORE_THROTTLED');
}

/** When all is quiet: answers what still rings, and looks whether every acknowledged write is in the log, or refused for a reason. */
export async function settleInbox(stage: Stage, acknowledged: readonly Acknowledged[]): Promise<void> {
  const { oracle } = stage.world;
  const { control } = inboxDeps(stage);
  for (let isQuiet = false; !isQuiet;) {
    await stage.deps.clock.sleep((VISIBILITY_SECONDS + 1) * SECOND);
    isQuiet = !(await answerOne(stage));
  }
  const { putAt, rungAt } = stage.world.services;
  // A put whose effect came after the last doorbell waits for the next one; nobody was promised more of it, or it has landed.
  for await (const { sort } of control.query(inboxOf(NAME))) if ((putAt.get(sort) ?? 0) <= rungAt) oracle.fail(`G2: ${sort} is left in the inbox`);
  for (const { id, appId } of acknowledged) {
    if (oracle.commits.some(({ requests }) => requests.has(appId))) continue;
    const dead = await findDead(control, NAME, id);
    const isTooOld = dead?.code === 'WRITER_FENCED' && dead.refusedAt - millisOfUlid(id) > STAGED_KEPT;
    if (!isTooOld) oracle.fail(`G3: the write ${id} was acknowledged and is in no version: ${dead?.reason ?? 'nobody knows of it'}`);
  }
}
