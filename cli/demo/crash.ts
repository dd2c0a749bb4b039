/** Step: writers are killed with `kill -9` in the middle of their commits and started again. */
import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { LakefoldError } from '../../lib/core/errors.ts';
import { isJsonObject, type JsonObject, parseJson } from '../../lib/core/json.ts';
import { AIRPORTS, type GroupName, ROUTES } from './definitions.ts';
import { type Demo, onlineCount, openDemoGroup, tableFingerprint } from './demo.ts';
import { checkEveryVector } from './online-check.ts';
import { nextDay } from './scenario.ts';
import { count, type Step } from './story.ts';
import { midnight, truthOf } from './truth.ts';
import { STOPPED, type StopPoint, type WriterTask } from './writer.ts';

export async function killWriters(demo: Demo, step: Step): Promise<void> {
  await killAndRestart(demo, step, { name: AIRPORTS, stopAt: 'dataWritten', point: 'its data file was written, its log entry was not' });
  await killAndRestart(demo, step, {
    name: ROUTES,
    stopAt: 'entryWritten',
    point: 'its log entry was written, nobody had an answer and nothing was published',
  });
  const until = midnight(nextDay(demo.scenario.end));
  for (const name of [AIRPORTS, ROUTES] as const) {
    step.check(`${name}: nothing lost, nothing doubled: all rows are the rows SQL finds`, {
      found: await tableFingerprint(demo, name),
      expected: await (await demo.oracle).fingerprint(truthOf(name), until),
    });
  }
  await checkEveryVector(demo, step, until);
}

interface Killing {
  readonly name: GroupName;
  readonly stopAt: Exclude<StopPoint, 'never'>;
  readonly point: string;
}

async function killAndRestart(demo: Demo, step: Step, { name, stopAt, point }: Killing): Promise<void> {
  const file = join(demo.scratchDirectory, `${name}-next.parquet`);
  await writeFile(file, await demo.feed.rows(name, { kind: 'nextDay' }));
  const task: WriterTask = { location: demo.location, group: name, file, key: `next-day-${name}`, stopAt };
  const { table } = await openDemoGroup(demo, name);
  const before = (await table.refresh()).version;
  const killed = await runWriter(task);
  const committed = stopAt === 'entryWritten' ? 1 : 0;
  step.say(`${name}: the writer (process ${killed.pid}) was killed with -9 when ${point}.`);
  step.check(`${name}: after the kill the log has ${committed === 0 ? 'no new commit' : 'one new commit'}, the online store none`, {
    found: { signal: killed.signal, head: (await table.refresh()).version - before, online: (await onlineCount(demo, name)).watermark - before },
    expected: { signal: 'SIGKILL', head: committed, online: 0 },
  });
  const again = await runWriter({ ...task, stopAt: 'never' });
  const commit = isJsonObject(again.receipt['commit']) ? again.receipt['commit'] : {};
  const { rows } = await (await demo.oracle).count(truthOf(name), `hour > ${hours(demo.scenario.end)} AND hour <= ${hours(nextDay(demo.scenario.end))}`);
  step.check(
    `${name}: started again with the same key, it answers ${committed === 0 ? 'a commit' : 'the commit it had made'} of ${count(rows)} rows; log and online store are at that version`,
    {
      found: {
        version: commit['version'],
        rows: commit['rowsInserted'],
        alreadyApplied: commit['alreadyApplied'],
        head: (await table.refresh()).version,
        online: (await onlineCount(demo, name)).watermark,
      },
      expected: { version: before + 1, rows, alreadyApplied: committed === 1, head: before + 1, online: before + 1 },
    },
  );
}

interface WriterRun {
  readonly pid: number;
  readonly signal: string | null;
  /** Empty where it was killed. */
  readonly receipt: JsonObject;
}

/** Runs a writer in a process of its own; once it says that it stands at its point, it is killed. */
async function runWriter(task: WriterTask): Promise<WriterRun> {
  const [entry = ''] = process.argv.slice(1);
  const child = spawn(process.execPath, [...process.execArgv, entry, 'demo-writer', JSON.stringify(task)], { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise<{ readonly code: number | null; readonly signal: string | null }>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => {
    complaint += chunk.toString();
  });
  let receipt: JsonObject = {};
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === STOPPED) child.kill('SIGKILL');
    else receipt = receiptOf(line);
  }
  const { code, signal } = await ended;
  if (code !== 0 && signal !== 'SIGKILL')
    throw new LakefoldError('INTERNAL', `expected the writer to end with 0, found ${code ?? signal}: ${complaint.trim().slice(-2000)}`);
  return { pid: child.pid ?? 0, signal, receipt };
}

function receiptOf(line: string): JsonObject {
  const json = parseJson(line);
  return isJsonObject(json) ? json : {};
}

function hours(day: string): number {
  return Date.parse(midnight(day)) / 3_600_000;
}
