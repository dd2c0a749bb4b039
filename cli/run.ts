/** From a command line to an exit code. */
import { randomUUID } from 'node:crypto';
import { VERSION } from '../lib/core/engine-info.ts';
import { nearest, parseArguments, positionalsOf, usageError } from './arguments.ts';
import type { Command } from './command.ts';
import { COMMANDS } from './commands.ts';
import { GLOBAL_OPTIONS, globalOptions } from './global-options.ts';
import { commandHelp, overviewHelp, usageLine } from './help.ts';
import { Output } from './output.ts';
import { EXIT, exitCodeOf, problemLine, problemText } from './problem-output.ts';
import { Session } from './session.ts';
import { writeTo, type Terminal } from './terminal.ts';

/** Runs one command; `argv` is without node and script. Resolves to the exit code, never rejects for what a command does. */
export async function run(argv: readonly string[], terminal: Terminal): Promise<number> {
  const isJson = argv.includes('--json');
  const output = new Output(terminal, { json: isJson, quiet: argv.includes('--quiet') });
  let command: Command | undefined;
  try {
    const found = findCommand(argv);
    if (found.kind === 'version') await output.text(VERSION);
    if (found.kind === 'help') await output.text(found.text);
    if (found.kind !== 'command') return EXIT.ok;
    ({ command } = found);
    return await runCommand(command, found.rest, { terminal, output });
  } catch (error) {
    if (isBrokenPipe(error)) return EXIT.ok;
    await reportProblem(error, { terminal, output, command });
    return exitCodeOf(error);
  }
}

async function runCommand(
  command: Command,
  rest: readonly string[],
  { terminal, output }: { readonly terminal: Terminal; readonly output: Output },
): Promise<number> {
  const args = parseArguments(rest, { ...command.options, ...GLOBAL_OPTIONS });
  const [least, most] = command.positionals;
  const count = args.positionals.length;
  if (count < least || count > most)
    throw usageError(
      `expected ${least === most ? least : `${least} to ${most}`} ${most === 1 ? 'argument' : 'arguments'} after ${command.name}, found ${count === 0 ? 'none' : args.positionals.map((value) => JSON.stringify(value)).join(' ')}`,
    );
  const session = new Session(globalOptions(args, terminal.env), terminal);
  try {
    return (await command.run({ args, session, output, terminal })) ?? EXIT.ok;
  } finally {
    await session.close();
  }
}

type Found =
  | { readonly kind: 'command'; readonly command: Command; readonly rest: readonly string[] }
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'version' };

/** Commands are one word or two; options may stand before, between and after them. */
function findCommand(argv: readonly string[]): Found {
  const words = positionalsOf(argv, GLOBAL_OPTIONS);
  const isHelp = argv.some((argument) => argument === '--help' || argument === '-h');
  const [first, second] = words;
  if (first === undefined) {
    if (argv.includes('--version')) return { kind: 'version' };
    if (isHelp || argv.length === 0) return { kind: 'help', text: overviewHelp(COMMANDS) };
    throw usageError('expected a command; lakefold --help lists them');
  }
  if (first.value === 'help') return { kind: 'help', text: overviewHelp(COMMANDS) };
  const single = COMMANDS.find((command) => command.name === first.value);
  if (single !== undefined)
    return isHelp ? { kind: 'help', text: commandHelp(single) } : { kind: 'command', command: single, rest: without(argv, [first.index]) };
  const ofNoun = COMMANDS.filter((command) => command.name.startsWith(`${first.value} `));
  if (ofNoun.length === 0)
    throw usageError(
      `unknown command ${JSON.stringify(first.value)}${didYouMean(
        first.value,
        COMMANDS.map(({ name }) => name.split(' ')[0] ?? ''),
      )}; lakefold --help lists them`,
    );
  const double = ofNoun.find((command) => command.name === `${first.value} ${second?.value}`);
  if (double !== undefined && second !== undefined)
    return isHelp ? { kind: 'help', text: commandHelp(double) } : { kind: 'command', command: double, rest: without(argv, [first.index, second.index]) };
  if (isHelp) return { kind: 'help', text: overviewHelp(COMMANDS, first.value) };
  const verbs = ofNoun.map(({ name }) => name.slice(first.value.length + 1));
  if (second === undefined) throw usageError(`expected a command after ${first.value}: ${verbs.join(', ')}`);
  throw usageError(`unknown command ${JSON.stringify(`${first.value} ${second.value}`)}${didYouMean(second.value, verbs)}; expected ${verbs.join(', ')}`);
}

function without(argv: readonly string[], indices: readonly number[]): readonly string[] {
  return argv.filter((_, i) => !indices.includes(i));
}

function didYouMean(word: string, candidates: readonly string[]): string {
  const near = nearest(word, [...new Set(candidates)]);
  return near === undefined ? '' : `; did you mean ${near}?`;
}

async function reportProblem(
  error: unknown,
  at: { readonly terminal: Terminal; readonly output: Output; readonly command: Command | undefined },
): Promise<void> {
  const { stderr } = at.terminal;
  const isPerson = stderr.isTTY === true && !at.output.isMachine;
  const usage = at.command === undefined ? undefined : usageLine(at.command);
  const text = isPerson ? problemText(error, at.output.paint(stderr), usage) : `${problemLine(error, { newRequestId: randomUUID, usage })}\n`;
  await writeTo(stderr, text).catch(() => undefined);
}

/** The reader of our output went away, as `head` does: no failure of ours. */
function isBrokenPipe(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EPIPE' || error.code === 'ERR_STREAM_DESTROYED');
}
