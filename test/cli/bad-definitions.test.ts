/** Definitions that are refused by the command: code, exit code and place of each fault, nothing on stdout. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { airportDelays, delayModel } from '../support/api.ts';
import { BAD_DEFINITIONS } from '../support/bad-definitions.ts';
import { lakefold, lakefoldJson, problem } from './cli-support.ts';

let cwd = '';
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'lakefold-bad-'));
  await writeFile(join(cwd, 'good.json'), JSON.stringify({ featureGroups: [airportDelays.json], featureViews: [delayModel.json] }));
  await lakefoldJson(['apply', '--yes', '--config', 'good.json'], { cwd });
});
afterAll(() => rm(cwd, { recursive: true, force: true }));

describe('plan', () => {
  it.each(BAD_DEFINITIONS)('is refused for $what: $code', async ({ featureGroups = [], featureViews = [], code, exit, faults }) => {
    await writeFile(join(cwd, 'bad.json'), JSON.stringify({ featureGroups, featureViews }));
    const result = await lakefold(['plan', '--config', 'bad.json'], { cwd });
    expect({ exit: result.code, stdout: result.stdout }).toEqual({ exit, stdout: '' });
    expect(problem(result)).toMatchObject({ code, ...(faults === undefined ? {} : { errors: faults }) });
  });
});
