import { describe, expect, it } from 'vitest';
import { isUsageError, nearest, parseArguments, positionalsOf, type OptionSpecs } from '../../cli/arguments.ts';

const SPECS = {
  file: { kind: 'text', value: 'F|-', help: '' },
  limit: { kind: 'text', value: 'N', help: '' },
  param: { kind: 'list', value: 'K=V', help: '' },
  'dry-run': { kind: 'flag', help: '' },
  help: { kind: 'flag', short: 'h', help: '' },
} as const satisfies OptionSpecs;

const messageOf = (argv: readonly string[], read: (args: ReturnType<typeof parseArguments>) => unknown = () => undefined): string => {
  try {
    read(parseArguments(argv, SPECS));
  } catch (error) {
    if (isUsageError(error)) return error.message;
  }
  return 'no usage error';
};

describe('parseArguments', () => {
  it('tells positionals, texts, lists and flags apart, wherever they stand', () => {
    const args = parseArguments(['NAME', '--param', 'a=1', '--file', '-', 'k=v', '--param=b=2', '-h', '--limit', '-5'], SPECS);

    expect(args.positionals).toEqual(['NAME', 'k=v']);
    expect(args.text('file')).toBe('-');
    expect(args.list('param')).toEqual(['a=1', 'b=2']);
    expect(args.flag('help')).toBe(true);
    expect(args.flag('dry-run')).toBeUndefined();
    expect(args.text('limit')).toBe('-5');
  });

  it.each([
    [['--dry-run'], true],
    [['--no-dry-run'], false],
    [['--dry-run=false'], false],
    [['--dry-run=true'], true],
  ])('reads %j as a flag', (argv, expected) => {
    expect(parseArguments(argv, SPECS).flag('dry-run')).toBe(expected);
  });

  it('takes what follows two dashes as it is', () => {
    expect(parseArguments(['--', '--file', 'x'], SPECS).positionals).toEqual(['--file', 'x']);
  });

  it.each([
    [['--limt', '3'], 'unknown option --limt; did you mean --limit?'],
    [['--no-file'], 'unknown option --no-file; did you mean --file?'],
    [['--nonsense'], 'unknown option --nonsense'],
    [['--file'], 'expected F|- after --file'],
    [['--file', '--limit', '3'], 'expected F|- after --file'],
    [['--file', 'a', '--file', 'b'], 'expected --file once, found it 2 times'],
    [['--dry-run=maybe'], 'expected no value or true or false for --dry-run, found "maybe"'],
  ])('refuses %j', (argv, message) => {
    expect(messageOf(argv)).toBe(message);
  });

  it('checks numbers, words and lists of names', () => {
    expect(parseArguments(['--limit', '10'], SPECS).integer('limit')).toBe(10);
    expect(parseArguments(['--file', 'a, b'], SPECS).names('file')).toEqual(['a', 'b']);
    expect(messageOf(['--limit', '1.5'], (args) => args.integer('limit'))).toBe('expected a whole number from 0 as --limit, found "1.5"');
    expect(messageOf(['--limit', '0'], (args) => args.integer('limit', { min: 1 }))).toBe('expected a whole number from 1 as --limit, found "0"');
    expect(messageOf(['--file', 'x'], (args) => args.word('file', ['a', 'b']))).toBe('expected a or b as --file, found "x"');
    expect(messageOf(['--file', 'a,,b'], (args) => args.names('file'))).toBe('expected names separated by commas as --file, found "a,,b"');
    expect(messageOf([], (args) => args.required('file'))).toBe('expected --file');
  });
});

describe('positionalsOf', () => {
  it('skips values of the options it is told of', () => {
    expect(positionalsOf(['--file', 'x', 'fg', '--unknown', 'list'], SPECS)).toEqual([
      { value: 'fg', index: 2 },
      { value: 'list', index: 4 },
    ]);
  });
});

describe('nearest', () => {
  it('finds a word a slip away and nothing farther', () => {
    expect(nearest('tabel', ['fg', 'table', 'td'])).toBe('table');
    expect(nearest('xyz', ['fg', 'table', 'td'])).toBeUndefined();
  });
});
