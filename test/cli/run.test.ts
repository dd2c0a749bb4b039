import { readFileSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../../cli/commands.ts';
import { VERSION } from '../../lib/core/engine-info.ts';
import { lakefold, problem, temporaryFolder } from './cli-support.ts';

const cwd = '/nonexistent';

describe('help', () => {
  it.each(COMMANDS.map(({ name }) => name))('of %s tells its usage and an example that is a lakefold command', async (name) => {
    const { code, stdout, stderr } = await lakefold([...name.split(' '), '--help'], { cwd });

    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(new RegExp(`^Usage: lakefold ${name}\\b`));
    expect(stdout).toMatch(/\nExample\n {2}.*lakefold /);
  });

  it('lists every command when nothing is asked', async () => {
    const { code, stdout } = await lakefold([], { cwd });

    expect(code).toBe(0);
    expect(COMMANDS.filter(({ name, isHidden }) => isHidden !== true && !stdout.includes(`  ${name} `))).toEqual([]);
  });

  it('of a noun lists its verbs alone', async () => {
    const { stdout } = await lakefold(['td', '--help'], { cwd });

    expect(stdout).toContain('td create');
    expect(stdout).not.toContain('fg ingest');
  });
});

describe('--version', () => {
  it("is the package's", async () => {
    const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));

    expect(await lakefold(['--version'], { cwd })).toEqual({ code: 0, stdout: `${manifest.version}\n`, stderr: '' });
    expect(VERSION).toBe(manifest.version);
  });
});

describe('a command line that is wrong', () => {
  it.each([
    [['tabel'], 'unknown command "tabel"; did you mean table?; lakefold --help lists them', undefined],
    [['fg'], /^expected a command after fg: list, /, undefined],
    [['fg', 'lst'], /^unknown command "fg lst"; did you mean list\?; expected /, undefined],
    [['fg', 'read'], 'expected 1 argument after fg read, found none', 'lakefold fg read NAME[/V]'],
    [['fg', 'read', 'a', 'b'], 'expected 1 argument after fg read, found "a" "b"', 'lakefold fg read NAME[/V]'],
    [
      ['fg', 'read', 'a', '--as-of', 'yesterday'],
      'expected a version or an RFC 3339 instant with offset as --as-of, found "yesterday"',
      'lakefold fg read NAME[/V]',
    ],
    [['fg', 'ingest', 'a', '--file', 'rows.xlsx'], /^expected --format, or a file that ends in /, 'lakefold fg ingest NAME[/V] --file F|-'],
    [['fg', 'delete-rows', 'a'], 'expected either --file with keys or --where', 'lakefold fg delete-rows NAME[/V] --file keys.ndjson'],
    [['--json'], 'expected a command; lakefold --help lists them', undefined],
    [
      ['serve', '--endpoint', 'http://127.0.0.1:1'],
      'expected serve without --endpoint: it serves the embedded store',
      'lakefold serve [--port 6566] [--auth none|keys]',
    ],
  ])('%j ends with 2, says so and how it should be', async (argv, detail, usage) => {
    const result = await lakefold(argv, { cwd });

    expect({ code: result.code, stdout: result.stdout }).toEqual({ code: 2, stdout: '' });
    expect(problem(result)).toMatchObject({
      code: 'INVALID_ARGUMENT',
      status: 400,
      repeatable: false,
      detail: typeof detail === 'string' ? detail : expect.stringMatching(detail),
    });
    expect(problem(result).usage).toBe(usage);
  });

  it('is told to a person in words', async () => {
    const { code, stdout, stderr } = await lakefold(['fg', 'read'], { cwd, tty: 'yes', env: { NO_COLOR: '1' } });

    expect({ code, stdout, stderr }).toEqual({
      code: 2,
      stdout: '',
      stderr: 'error: expected 1 argument after fg read, found none\nusage: lakefold fg read NAME[/V]\n',
    });
  });
});

describe('a failure', () => {
  it('leaves stdout empty and a problem document of one line at the end of stderr', async () => {
    const folder = await temporaryFolder();
    const result = await lakefold(['fg', 'describe', 'nothing'], { cwd: folder });

    expect({ code: result.code, stdout: result.stdout }).toEqual({ code: 1, stdout: '' });
    expect(problem(result)).toEqual({
      type: 'about:blank',
      title: 'Unknown feature group',
      status: 404,
      code: 'UNKNOWN_FEATURE_GROUP',
      repeatable: false,
      name: 'nothing',
      detail: 'expected a feature group of this project, found "nothing"; it has none yet',
      requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
  });

  it('is a document on a screen too when --json asks for it', async () => {
    const folder = await temporaryFolder();
    const result = await lakefold(['fg', 'describe', 'nothing', '--json'], { cwd: folder, tty: 'yes' });

    expect(problem(result).code).toBe('UNKNOWN_FEATURE_GROUP');
  });

  it('to reach the server is repeatable', async () => {
    const result = await lakefold(['fg', 'list', '--endpoint', 'http://127.0.0.1:9'], { cwd });

    expect(result.code).toBe(1);
    expect(problem(result)).toMatchObject({
      code: 'STORE_UNAVAILABLE',
      repeatable: true,
      detail: expect.stringContaining('expected a server at http://127.0.0.1:9, could not reach it'),
    });
  });

  it('names what an embedded store cannot be', async () => {
    const result = await lakefold(['fg', 'list', '--location', 's3://bucket/lake'], { cwd });

    expect(result.code).toBe(1);
    expect(problem(result)).toMatchObject({ code: 'UNSUPPORTED_OPERATION', location: 's3://bucket/lake' });
  });
});

describe('doctor', () => {
  it('finds nothing wrong with this machine and leaves nothing behind', async () => {
    const folder = await temporaryFolder();
    const { code, stdout } = await lakefold(['doctor'], { cwd: folder });
    const report = JSON.parse(stdout);

    expect({ code, ok: report.ok, names: report.checks.map((check: { name: string; ok: boolean }) => `${check.name} ${check.ok}`) }).toEqual({
      code: 0,
      ok: true,
      names: ['node true', 'location true', 'lmdb true', 'parquet true', 'duckdb true', 'definitions true', 'registry true'],
    });
    expect(await readdir(folder)).toEqual([]);
  });

  it('ends with 1 and tells which check failed', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'lakefold.config.ts'), 'export const broken = ;');
    const { code, stdout } = await lakefold(['doctor', '--location', join(folder, 'lake')], { cwd: folder });
    const report = JSON.parse(stdout);

    expect(code).toBe(1);
    expect(report.ok).toBe(false);
    expect(report.checks.filter((check: { ok: boolean }) => !check.ok)).toEqual([
      { name: 'definitions', ok: false, detail: expect.stringContaining('INVALID_ARGUMENT: expected ') },
    ]);
  });
});
