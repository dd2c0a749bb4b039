/** Child processes of the test runner: each in a process group of its own that never outlives the runner. */
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { TOOK_TOO_LONG } from './results.mjs';

const STOP_GRACE_MILLIS = 5_000;
const OUTPUT_TAIL_CHARACTERS = 2_000;

// A killed runner closes the pipe on descriptor 3; the subshell then takes the whole group down.
const GROUP_SCRIPT = 'exec 3<&0; (read -r _ <&3; kill -KILL 0) >/dev/null 2>&1 & exec "$@" 3<&- </dev/null';

/** @type {Set<import('node:child_process').ChildProcess>} */
const groups = new Set();

process.once('exit', () => {
  for (const child of groups) signalGroup(child, 'SIGKILL');
});

/**
 * Starts a command as the leader of a process group; its output goes to `output` or, without one, to the runner's own streams.
 *
 * @param {readonly string[]} command
 * @param {{ env: Record<string, string | undefined>, cwd?: string, output?: number }} options
 */
export function startGroup(command, { env, cwd, output }) {
  const stream = output ?? 'inherit';
  const child = spawn('/bin/sh', ['-c', GROUP_SCRIPT, 'sh', ...command], { env, cwd, detached: true, stdio: ['pipe', stream, stream] });
  groups.add(child);
  child.stdin?.on('error', () => {});
  child.stdin?.unref?.();
  return child;
}

/** Ends a group: SIGTERM to its leader, five seconds, then SIGKILL to whatever is left. */
export async function stopGroup(child) {
  if (child.exitCode === null && child.signalCode === null) {
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await Promise.race([gone, sleep(STOP_GRACE_MILLIS, undefined, { ref: false })]);
  }
  signalGroup(child, 'SIGKILL');
  groups.delete(child);
}

/** Ends every group still running. */
export async function stopAllGroups() {
  await Promise.all([...groups].map(stopGroup));
}

/** Resolves to the exit code of a group's leader; `TOOK_TOO_LONG` when it had to be ended after `limitMillis`. */
export async function exitCodeOf(child, limitMillis) {
  const exited = new Promise((resolve) => {
    child.once('error', () => resolve(127));
    child.once('exit', (code) => resolve(code ?? 1));
  });
  const late = sleep(limitMillis, 'late', { ref: false });
  const first = await Promise.race([exited, late]);
  await stopGroup(child);
  return first === 'late' ? TOOK_TOO_LONG : first;
}

/**
 * Runs a command to its end and returns what it printed.
 *
 * @param {readonly string[]} command
 * @param {{ cwd?: string, env?: Record<string, string>, limitMillis: number }} options
 * @throws Error with the tail of its output when it fails or takes longer than `limitMillis`
 */
export function run([file, ...args], { cwd, env, limitMillis }) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], timeout: limitMillis, killSignal: 'SIGKILL' });
    let printed = '';
    child.stdout.on('data', (chunk) => (printed += chunk));
    child.stderr.on('data', (chunk) => (printed += chunk));
    child.once('error', (error) => reject(new Error(`${file} did not start: ${error.message}`)));
    child.once('close', (code, signal) => {
      if (code === 0) resolve(printed);
      else reject(new Error(`${basename(file)} ${args.slice(0, 3).join(' ')} ended with ${signal ?? code}: ${printed.trim().slice(-OUTPUT_TAIL_CHARACTERS)}`));
    });
  });
}

/** A port of the loopback interface that nothing listens on right now. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/**
 * Polls until `isReady` answers true.
 *
 * @throws Error when the process ends first or `limitMillis` pass
 */
export async function waitUntilReady(child, isReady, limitMillis) {
  const deadline = Date.now() + limitMillis;
  while (Date.now() < deadline) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`ended with ${child.exitCode ?? child.signalCode} before it was ready`);
    if (await isReady().catch(() => false)) return;
    await sleep(100);
  }
  throw new Error(`not ready after ${limitMillis / 1000} s`);
}

function signalGroup(child, signal) {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The group is gone already.
  }
}
