/** The command as a process: what the streams and the exit code of one really are. */
import { execFile, spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { lakefoldJson, temporaryFolder } from './cli-support.ts';

const MAIN = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));
const NODE_OPTIONS = ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href, MAIN];

describe('the lakefold process', () => {
  it('prints to stdout and ends with 0; a failure leaves stdout empty and ends with its code', async () => {
    const cwd = await temporaryFolder();
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [...NODE_OPTIONS, 'init'], { cwd });
    expect(JSON.parse(stdout)).toEqual({ created: ['lakefold.config.ts', 'customer_stats.csv', 'orders.ndjson', '.gitignore'] });
    expect(stderr).toContain('Next:');

    const failed = await promisify(execFile)(process.execPath, [...NODE_OPTIONS, 'fg', 'nonsense'], { cwd }).catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(/^\{.*"code":"INVALID_ARGUMENT".*\}\n$/) });
  });

  it('ends quietly when the reader of its output has enough', async () => {
    const cwd = await temporaryFolder();
    await writeFile(join(cwd, 'columns.json'), '[{"name":"id","type":"int"},{"name":"text","type":"string"}]');
    await lakefoldJson(['table', 'create', 't', '--schema', 'columns.json'], { cwd });
    const rows = Array.from({ length: 50_000 }, (_, id) => `{"id":${id},"text":"${'x'.repeat(40)}"}\n`).join('');
    await lakefoldJson(['table', 'append', 't', '--file', '-', '--format', 'ndjson'], { cwd, stdin: rows });
    const child = spawn(process.execPath, [...NODE_OPTIONS, 'table', 'read', 't'], { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    child.stdout.once('data', () => child.stdout.destroy());

    const code = await new Promise((resolve) => child.once('close', resolve));
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });
});
