/** Step: an earlier version, row for row what it was, errors included. */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AIRPORTS, type GroupName, PROJECT, ROUTES } from './definitions.ts';
import type { RecordedVersions } from './backfill.ts';
import type { Demo } from './demo.ts';
import { FAULTY_AIRPORT, nextDay } from './scenario.ts';
import { count, type Step } from './story.ts';
import { deviation, midnight, truthOf } from './truth.ts';

const PARQUET = 'application/vnd.apache.parquet';

export async function travelBack(demo: Demo, step: Step, recorded: RecordedVersions): Promise<void> {
  const { recordedDay } = demo.scenario;
  step.say(`The groups as of the commits of ${recordedDay} (versions ${recorded[AIRPORTS]} and ${recorded[ROUTES]}), read through the HTTP app:`);
  for (const name of [AIRPORTS, ROUTES] as const) await checkVersion(demo, step, { name, version: recorded[name] });
  const [then, now] = await Promise.all([meanDelay(demo, recorded[AIRPORTS]), meanDelay(demo, undefined)]);
  step.say(`Noon of ${demo.scenario.faultyDay} at ${FAULTY_AIRPORT}: mean delay ${then.toFixed(1)} in that version, ${now.toFixed(1)} minutes today.`);
}

/** Reads a whole version of a group and holds each row against the judge. */
export async function checkVersion(demo: Demo, step: Step, { name, version }: { readonly name: GroupName; readonly version: number }): Promise<void> {
  const file = join(demo.scratchDirectory, `${name}-${version}.parquet`);
  const response = await demo.client.request({
    method: 'POST',
    path: `/v1/projects/${PROJECT}/feature-groups/${name}/versions/1/read`,
    json: { asOf: { version } },
    accept: PARQUET,
  });
  await writeFile(file, new Uint8Array(await response.arrayBuffer()));
  const until = midnight(nextDay(demo.scenario.recordedDay));
  const { rows, expectedRows, different, example } = await (await demo.oracle).compareRows(truthOf(name), file, { until, deviation: deviation(demo.scenario) });
  await rm(file);
  step.check(`${name} version ${version}: all ${count(rows)} rows are what they were`, {
    found: { rows, different, example },
    expected: { rows: expectedRows, different: 0, example: '' },
  });
}

async function meanDelay(demo: Demo, version: number | undefined): Promise<number> {
  const at = `${demo.scenario.faultyDay}T12:00:00Z`;
  const response = await demo.client.request({
    method: 'POST',
    path: `/v1/projects/${PROJECT}/feature-groups/${AIRPORTS}/versions/1/read`,
    accept: 'application/x-ndjson',
    json: {
      features: ['mean_delay_24h'],
      where: {
        and: [
          { column: 'airport', op: '=', value: FAULTY_AIRPORT },
          { column: 'hour', op: '=', value: at },
        ],
      },
      ...(version === undefined ? {} : { asOf: { version } }),
    },
  });
  const row: unknown = JSON.parse(await response.text());
  return typeof row === 'object' && row !== null && 'mean_delay_24h' in row ? Number(row.mean_delay_24h) : Number.NaN;
}
