/** Runs commands in this process, with streams that keep what was written. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { afterEach } from 'vitest';
import { run } from '../../cli/run.ts';

export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly cwd: string;
  readonly stdin?: string;
  /** Streams are screens. */
  readonly tty?: 'yes';
  readonly env?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** Called with everything written to stdout so far. */
  readonly onStdout?: (text: string) => void;
}

export async function lakefold(argv: readonly string[], options: CliOptions): Promise<CliResult> {
  const stdout = new Kept(options.tty === 'yes', options.onStdout);
  const stderr = new Kept(options.tty === 'yes');
  const code = await run(argv, {
    stdin: Readable.from(options.stdin === undefined ? [] : [Buffer.from(options.stdin)]),
    stdout,
    stderr,
    env: options.env ?? {},
    cwd: options.cwd,
    signal: () => options.signal ?? new AbortController().signal,
  });
  return { code, stdout: stdout.text, stderr: stderr.text };
}

/** The JSON a command printed. @throws Error with what it said when it failed */
export async function lakefoldJson(argv: readonly string[], options: CliOptions) {
  const result = await lakefold(argv, options);
  if (result.code !== 0) throw new Error(`lakefold ${argv.join(' ')} ended with ${result.code}: ${result.stderr}`);
  return JSON.parse(result.stdout);
}

/** The objects of NDJSON. */
export function lines(text: string) {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

/** The problem document at the end of stderr. */
export function problem({ stderr }: CliResult) {
  return JSON.parse(stderr.trimEnd().split('\n').at(-1) ?? '');
}

/** A folder that goes after the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'lakefold-cli-'));
  folders.push(folder);
  return folder;
}

const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

class Kept extends Writable {
  text = '';
  readonly isTTY: boolean;
  readonly #onText: ((text: string) => void) | undefined;

  constructor(isTTY: boolean, onText?: (text: string) => void) {
    super();
    this.isTTY = isTTY;
    this.#onText = onText;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk.toString();
    this.#onText?.(this.text);
    done();
  }
}
