/** `init`: a project to start from. */
import { mkdir, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { LakefoldError } from '../../lib/core/errors.ts';
import type { Command } from '../command.ts';
import { STARTER_FILES } from '../starter-files.ts';

export const initCommand: Command = {
  name: 'init',
  usage: '[DIR]',
  positionals: [0, 1],
  summary: 'Scaffolds a project: definitions of one feature group and one view, and a few rows to try them with.',
  options: {},
  example: 'lakefold init shop && cd shop && lakefold apply --yes',
  run: async ({ args, output, terminal }) => {
    const given = args.positionals[0];
    const directory = resolve(terminal.cwd, given ?? '.');
    for (const name of Object.keys(STARTER_FILES)) {
      if (name === '.gitignore' || !(await isThere(join(directory, name)))) continue;
      throw new LakefoldError('ALREADY_EXISTS', `expected no ${name} in ${directory}, found one; init overwrites nothing`, {
        context: { path: join(directory, name) },
      });
    }
    await mkdir(directory, { recursive: true });
    const created: string[] = [];
    for (const [name, text] of Object.entries(STARTER_FILES)) {
      if (await isThere(join(directory, name))) continue;
      await writeFile(join(directory, name), text, { flag: 'wx' });
      created.push(name);
    }
    await output.value({ created }, (paint) => created.map((name) => `${paint('✓', 'green')} ${given === undefined ? name : join(given, name)}\n`).join(''));
    await output.note(['', 'Next:', ...(given === undefined ? [] : [`  cd ${given}`]), ...NEXT_STEPS.map((step) => `  ${step}`)].join('\n'));
  },
};

const NEXT_STEPS = [
  'lakefold apply                                             # register the definitions',
  'lakefold fg ingest customer_stats --file customer_stats.csv',
  'lakefold fv get basket_risk customer=ada --param amount=120',
  'lakefold td create basket_risk --spine orders.ndjson --out training',
];

async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
