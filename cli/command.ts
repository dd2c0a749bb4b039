/** What a command is: its words, its options, its example, and what it does. */
import type { Arguments, OptionSpecs } from './arguments.ts';
import type { Output } from './output.ts';
import type { Session } from './session.ts';
import type { Terminal } from './terminal.ts';

export interface CommandContext {
  readonly args: Arguments;
  readonly session: Session;
  readonly output: Output;
  readonly terminal: Terminal;
}

export interface Command {
  /** As typed: `fg ingest`. */
  readonly name: string;
  /** What follows the name in usage: `NAME[/V] --file F|-`. */
  readonly usage: string;
  /** One sentence of what it does. */
  readonly summary: string;
  /** Least and most positionals. */
  readonly positionals: readonly [least: number, most: number];
  readonly options: OptionSpecs;
  readonly example: string;
  /** Not listed: what a command runs of itself in another process. */
  readonly isHidden?: true;
  /** Resolves to the exit code; 0 when it says nothing. */
  readonly run: (context: CommandContext) => Promise<number | undefined | void>;
}
