import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findConfig, loadConfig } from '../../cli/config.ts';
import { temporaryFolder } from './cli-support.ts';

const GROUP = `
import { featureGroup, featureView, join, onDemand, t } from 'lakefold';
export const g = featureGroup({ name: 'g', version: 1, schema: { id: t.int(), n: t.double().nullable() }, primaryKey: ['id'] });
export const twice = (value: number): number => value * 2;
export const v = featureView({ name: 'v', spine: { id: t.int(), x: t.double() }, joins: [join(g, { on: { id: 'id' }, features: ['n'] })],
  onDemand: [onDemand({ name: 'doubled', inputs: { x: t.double() }, returns: t.double(), compute: ({ x }) => twice(x) })] });
`;

const namesOf = (config: Awaited<ReturnType<typeof loadConfig>>): object => ({
  groups: config.definitions.featureGroups.map((group) => 'name' in group && group.name),
  views: config.definitions.featureViews.map((view) => 'name' in view && view.name),
  functions: [...config.functions.values()].map((run) => (typeof run === 'function' ? run({ x: 21 }, { at: '' }) : run)),
});

async function folder(files: Readonly<Record<string, string>>): Promise<string> {
  const cwd = await temporaryFolder();
  for (const [name, text] of Object.entries(files)) await writeFile(join(cwd, name), text);
  return cwd;
}

const FOUND = { groups: ['g'], views: ['v'], functions: [42] };

describe('the config file', () => {
  it('may export the definitions itself', async () => {
    const cwd = await folder({ 'lakefold.config.ts': GROUP });
    const config = await loadConfig(join(cwd, 'lakefold.config.ts'));

    expect(namesOf(config)).toEqual(FOUND);
    expect({ location: config.location, project: config.project }).toEqual({ location: undefined, project: undefined });
  });

  it('may name their module, and where the store lies', async () => {
    const cwd = await folder({
      'lakefold.config.ts': "export default { definitions: './definitions.ts', location: './lake', project: 'demo' };",
      'definitions.ts': GROUP,
    });
    const config = await loadConfig(join(cwd, 'lakefold.config.ts'));

    expect(namesOf(config)).toEqual(FOUND);
    expect({ location: config.location, project: config.project }).toEqual({ location: join(cwd, 'lake'), project: 'demo' });
  });

  it('may hand them on as a module', async () => {
    const cwd = await folder({
      'lakefold.config.ts': "import * as definitions from './definitions.ts';\nexport default { definitions };",
      'definitions.ts': GROUP,
    });

    expect(namesOf(await loadConfig(join(cwd, 'lakefold.config.ts')))).toEqual(FOUND);
  });

  it('may be JSON, or name JSON: definitions without functions', async () => {
    const json = JSON.stringify({ featureGroups: [{ name: 'g', schema: [{ name: 'id', type: 'int' }], primaryKey: ['id'] }] });
    const cwd = await folder({ 'defs.json': json, 'lakefold.config.ts': "export default { definitions: './defs.json' };" });

    for (const file of ['defs.json', 'lakefold.config.ts'])
      expect(namesOf(await loadConfig(join(cwd, file)))).toEqual({ groups: ['g'], views: [], functions: [] });
  });

  it('gives a function the same hash however often it is built', async () => {
    const cwd = await folder({ 'lakefold.config.ts': GROUP });
    const [first, second] = [await loadConfig(join(cwd, 'lakefold.config.ts')), await loadConfig(join(cwd, 'lakefold.config.ts'))];

    expect([...first.functions.keys()]).toEqual([...second.functions.keys()]);
    expect([...first.functions.keys()]).toEqual([expect.stringMatching(/^doubled sha256:[0-9a-f]{64}$/)]);
  });

  it.each([
    ['export const a = {', /lakefold\.config\.ts to compile, found lakefold\.config\.ts:1:\d+: /],
    [
      "import { nothing } from 'lakefold'; export const a = nothing;",
      /compile, found lakefold\.config\.ts:1:10: No matching export in "lakefold" for import "nothing"/,
    ],
    ["throw new Error('no such luck');", /lakefold\.config\.ts to run, it threw: no such luck/],
    ['export default { definition: 1 };', /expected only definitions, location and project in the default export .*found "definition"/],
    ['export default 7;', /expected an object as default export .*found number/],
    ["export default { definitions: './missing.json' };", /expected definitions at .*missing\.json, found no file/],
  ])('is refused with its place: %s', async (text, message) => {
    const cwd = await folder({ 'lakefold.config.ts': text });

    await expect(loadConfig(join(cwd, 'lakefold.config.ts'))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', message: expect.stringMatching(message) });
  });

  it('is looked for in the folder, and must be there when it is named', async () => {
    const cwd = await folder({});

    expect(await findConfig({ config: undefined, cwd })).toBeUndefined();
    await expect(findConfig({ config: 'other.ts', cwd })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: `expected a config file at ${join(cwd, 'other.ts')}, found none`,
    });
  });
});
