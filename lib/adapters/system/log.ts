/** Events as JSON lines. */
import { formatMillis } from '../../core/time.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Log, LogFields } from '../../ports/log.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Where lines go: a stream, or anything that takes text. */
export interface LineSink {
  write(line: string): unknown;
}

export interface JsonLogOptions {
  readonly sink: LineSink;
  readonly clock: Pick<Clock, 'now'>;
  /** The least that is written; `info` unless given. */
  readonly level?: LogLevel;
  /** Fields of every event; an event's own fields win. */
  readonly fields?: LogFields;
}

const RANKS: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };
/** Causes followed of one error; a cycle ends here too. */
const CAUSES_MAX = 5;

/** One line per event: `time`, `level`, `event`, then its fields. It never throws: what cannot be written is named instead. */
export class JsonLog implements Log {
  readonly #options: JsonLogOptions;
  readonly #rank: number;

  constructor(options: JsonLogOptions) {
    this.#options = options;
    this.#rank = RANKS[options.level ?? 'info'];
  }

  debug(event: string, fields?: LogFields): void {
    this.#write('debug', event, fields);
  }

  info(event: string, fields?: LogFields): void {
    this.#write('info', event, fields);
  }

  warn(event: string, fields?: LogFields): void {
    this.#write('warn', event, fields);
  }

  error(event: string, fields?: LogFields): void {
    this.#write('error', event, fields);
  }

  #write(level: LogLevel, event: string, fields: LogFields | undefined): void {
    if (RANKS[level] < this.#rank) return;
    const head = { time: formatMillis(this.#options.clock.now()), level, event };
    const line = lineOf({ ...this.#options.fields, ...fields, ...head }, head);
    this.#options.sink.write(`${line}\n`);
  }
}

/** Says nothing. */
export const silentLog: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

function lineOf(record: LogFields, head: LogFields): string {
  try {
    return JSON.stringify({ ...head, ...record }, replaceValue);
  } catch (error) {
    return JSON.stringify({ ...head, unwritable: error instanceof Error ? error.message : 'unknown' });
  }
}

/** What JSON has no form for, as text; of errors what a reader needs. */
function replaceValue(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Error) return errorFields(value, CAUSES_MAX);
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  return value;
}

function errorFields(error: Error, causesLeft: number): Record<string, unknown> {
  const cause = error.cause instanceof Error && causesLeft > 0 ? { cause: errorFields(error.cause, causesLeft - 1) } : {};
  const code = 'code' in error ? { code: error.code } : {};
  return { name: error.name, ...code, message: error.message, stack: error.stack, ...cause };
}
