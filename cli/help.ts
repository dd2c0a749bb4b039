/** Help texts. */
import type { OptionSpecs } from './arguments.ts';
import type { Command } from './command.ts';
import { GLOBAL_OPTIONS } from './global-options.ts';

/** `lakefold fg ingest NAME[/V] --file F|-` */
export function usageLine(command: Command): string {
  return `lakefold ${command.name}${command.usage === '' ? '' : ` ${command.usage}`}`;
}

export function commandHelp(command: Command): string {
  const own = Object.keys(command.options).length === 0 ? [] : ['', 'Options', ...optionLines(command.options)];
  return [
    `Usage: ${usageLine(command)}`,
    '',
    command.summary,
    ...own,
    '',
    'Global options',
    ...optionLines(GLOBAL_OPTIONS),
    '',
    'Example',
    ...command.example.split('\n').map((line) => `  ${line}`),
    '',
  ].join('\n');
}

/** Help on everything, or on the commands that begin with a word. */
export function overviewHelp(commands: readonly Command[], noun?: string): string {
  const shown = commands.filter((command) => command.isHidden !== true && (noun === undefined || command.name.startsWith(`${noun} `)));
  const width = Math.max(...shown.map((command) => command.name.length));
  const lines = shown.map((command) => `  ${command.name.padEnd(width)}  ${command.summary}`);
  const head =
    noun === undefined
      ? ['Usage: lakefold COMMAND [options]', '', 'A feature store on Delta tables: history for training, the newest values for serving.']
      : [`Usage: lakefold ${noun} COMMAND [options]`];
  const example = noun === undefined ? ['', 'Example', '  lakefold init shop && cd shop && lakefold apply --yes'] : [];
  return [
    ...head,
    '',
    'Commands',
    ...lines,
    '',
    'Global options',
    ...optionLines(GLOBAL_OPTIONS),
    ...example,
    '',
    `lakefold ${noun === undefined ? '' : `${noun} `}COMMAND --help tells more of one.`,
    '',
  ].join('\n');
}

function optionLines(options: OptionSpecs): readonly string[] {
  const rows = Object.entries(options).map(([name, { kind, value, help, short }]) => ({
    left: `  ${short === undefined ? '' : `-${short}, `}--${name}${kind === 'flag' ? '' : ` ${value ?? 'VALUE'}`}${kind === 'list' ? '…' : ''}`,
    help,
  }));
  const width = Math.max(...rows.map(({ left }) => left.length));
  return rows.map(({ left, help }) => `${left.padEnd(width)}  ${help}`);
}
