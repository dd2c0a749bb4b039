/** Step: files are packed, the log is checkpointed, old files are looked for; nobody can tell by the rows. */
import { isJsonObject } from '../../lib/core/json.ts';
import type { RecordedVersions } from './backfill.ts';
import { AIRPORTS, type GroupName, PROJECT } from './definitions.ts';
import { type Demo, GROUPS, openDemoGroup, tableFingerprint } from './demo.ts';
import { checkEveryVector } from './online-check.ts';
import { count, type Step } from './story.ts';
import { checkVersion } from './time-travel.ts';
import { midnight, truthOf } from './truth.ts';

export async function keepUp(demo: Demo, step: Step, recorded: RecordedVersions): Promise<void> {
  const until = midnight(demo.scenario.end);
  for (const name of GROUPS) {
    await pack(demo, step, name);
    step.check(`${name}: packed, all its rows are the rows SQL finds`, {
      found: await tableFingerprint(demo, name),
      expected: await (await demo.oracle).fingerprint(truthOf(name), until),
    });
  }
  for (const name of GROUPS) await lookForOldFiles(demo, step, name);
  await checkVersion(demo, step, { name: AIRPORTS, version: recorded[AIRPORTS] });
  await checkEveryVector(demo, step, until);
}

async function pack(demo: Demo, step: Step, name: GroupName): Promise<void> {
  const { table } = await openDemoGroup(demo, name);
  const { body } = await demo.client.json({ method: 'POST', path: `/v1/projects/${PROJECT}/feature-groups/${name}/versions/1:optimize`, json: {} });
  const checkpoint = await table.checkpoint();
  step.say(
    `${name}: ${count(Number(body['filesRemoved']))} files packed into ${count(Number(body['filesAdded']))} (${megabytes(body['bytesRead'])} to ${megabytes(body['bytesWritten'])}), checkpoint of version ${checkpoint.version} in ${count(checkpoint.bytes)} bytes.`,
  );
  const commit = isJsonObject(body['commit']) ? body['commit'] : {};
  step.check(`${name}: packing is a commit without a row`, {
    found: { version: commit['version'], inserted: commit['rowsInserted'], updated: commit['rowsUpdated'], deleted: commit['rowsDeleted'] },
    expected: { version: table.snapshot.version, inserted: 0, updated: 0, deleted: 0 },
  });
}

async function lookForOldFiles(demo: Demo, step: Step, name: GroupName): Promise<void> {
  const { table } = await openDemoGroup(demo, name);
  const before = table.snapshot.version;
  const { body } = await demo.client.json({ method: 'POST', path: `/v1/projects/${PROJECT}/feature-groups/${name}/versions/1:vacuum`, json: { dryRun: true } });
  step.check(`${name}: a dry vacuum finds no file that its 30 days of history could spare, and commits nothing`, {
    found: { dryRun: body['dryRun'], files: body['files'], oldestReadable: body['oldestReadable'], head: (await table.refresh()).version },
    expected: { dryRun: true, files: 0, oldestReadable: 0, head: before },
  });
}

function megabytes(bytes: unknown): string {
  return `${(Number(bytes) / 1e6).toFixed(1)} MB`;
}
