/** Every row of the table of schema evolution (semantics §6) by `plan`, `apply`, `--rewrite` and the version that is offered. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { startServer } from '../../cli/server.ts';
import { openMemoryApi } from '../support/api.ts';
import { EVOLVING, EVOLVING_ROW, SCHEMA_CHANGES } from '../support/schema-changes.ts';
import { type CliResult, lakefold, problem } from './cli-support.ts';

const GROUP = '/v1/projects/demo/feature-groups/evolving/versions/1';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

interface Shop {
  /** Runs a command with these definitions as its config. */
  command(definition: object, ...words: readonly string[]): Promise<CliResult>;
  /** The group as it is described, and its rows. */
  state(): Promise<readonly unknown[]>;
}

async function start(): Promise<Shop> {
  const api = await openMemoryApi();
  const { url, close } = await startServer(api.app, { port: 0 });
  const cwd = await mkdtemp(join(tmpdir(), 'lakefold-evolution-'));
  closing.push(() => rm(cwd, { recursive: true, force: true }), api.close, close);
  expect((await api.post('/v1/projects/demo/feature-groups', EVOLVING)).status).toBe(201);
  expect((await api.post(`${GROUP}/rows`, { rows: [EVOLVING_ROW] })).status).toBe(200);
  return {
    command: async (definition, ...words) => {
      await writeFile(join(cwd, 'definitions.json'), JSON.stringify({ featureGroups: [definition] }));
      return lakefold([...words, '--config', 'definitions.json', '--endpoint', url, '--project', 'demo', '--json', '--quiet'], { cwd });
    },
    state: async () => [(await api.get(GROUP)).body, JSON.parse((await api.post(`${GROUP}/read`)).text)],
  };
}

const said = ({ code, stdout }: CliResult): readonly unknown[] => [code, JSON.parse(stdout)];
const refused = (result: CliResult): readonly unknown[] => [result.code, result.stdout, problem(result)];
const BREAKING = [3, '', { code: 'BREAKING_SCHEMA_CHANGE', status: 409, name: 'evolving', version: 1, newVersion: 2 }];

describe('plan and apply', () => {
  it.each(SCHEMA_CHANGES)('of $what: $verdict', async ({ verdict, definition, path, change }) => {
    const { command, state } = await start();
    const before = await state();
    const details = expect.arrayContaining([expect.objectContaining({ path, change })]);
    const planned = { action: 'update', verdict, details, newVersion: verdict === 'in place' ? null : 2 };
    const rewrite = verdict === 'rewrite' ? { files: 1, bytes: expect.any(Number) } : null;
    expect(said(await command(definition, 'plan'))).toMatchObject([0, { breaking: verdict === 'new version', changes: [{ ...planned, rewrite }] }]);
    expect(await state()).toEqual(before);

    if (verdict !== 'in place') {
      expect(refused(await command(definition, 'apply', '--yes'))).toMatchObject(BREAKING);
      expect(await state()).toEqual(before);
    }
    if (verdict === 'new version') {
      expect(refused(await command(definition, 'apply', '--yes', '--rewrite'))).toMatchObject(BREAKING);
      expect(await state()).toEqual(before);
      // What is offered can be had, beside the one that stands.
      expect(said(await command({ ...definition, version: 2 }, 'apply', '--yes'))).toMatchObject([0, { applied: [{ version: 2, action: 'create' }] }]);
      expect(await state()).toEqual(before);
      return;
    }
    const done = await command(definition, 'apply', '--yes', ...(verdict === 'rewrite' ? ['--rewrite'] : []));
    expect(said(done)).toMatchObject([0, { applied: [{ name: 'evolving', version: 1, action: 'update' }] }]);
    // Rows keep their values, in whatever wider type; a new column is null in them.
    expect((await state())[1]).toMatchObject(EVOLVING_ROW);
    expect(said(await command(definition, 'plan'))).toMatchObject([0, { breaking: false, changes: [{ action: 'none' }] }]);
  });
});
