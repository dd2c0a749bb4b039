/** What a command says: documents and rows on stdout, everything else on stderr. */
import { parseJson, stringifyJson, type Json } from '../lib/core/json.ts';
import { tableText } from './table-text.ts';
import { writeTo, type OutputStream, type Terminal } from './terminal.ts';

export type Colour = 'bold' | 'dim' | 'red' | 'green' | 'yellow';

const CODES: Readonly<Record<Colour, readonly [number, number]>> = { bold: [1, 22], dim: [2, 22], red: [31, 39], green: [32, 39], yellow: [33, 39] };
/** Rows a person is shown before the columns are laid out; later ones keep the widths. */
const ROWS_LAID_OUT = 500;

export class Output {
  readonly #terminal: Terminal;
  /** True where a program reads: JSON on stdout, problem documents on stderr. */
  readonly isMachine: boolean;
  readonly isQuiet: boolean;

  constructor(terminal: Terminal, options: { readonly json: boolean; readonly quiet: boolean }) {
    this.#terminal = terminal;
    this.isQuiet = options.quiet;
    this.isMachine = options.json || terminal.stdout.isTTY !== true;
  }

  /** The one result of a command: `text` as it is where a program reads, `render` of it where a person does. */
  async document(text: string, render: (paint: Paint) => string): Promise<void> {
    await writeTo(this.#terminal.stdout, this.isMachine ? `${text}\n` : ended(render(this.paint(this.#terminal.stdout))));
  }

  /** `document` of a value made here. */
  async value(value: object, render: (paint: Paint) => string): Promise<void> {
    await this.document(stringifyJson(value), render);
  }

  /** NDJSON as it comes, or a table of it for a person. The first bytes are awaited before anything is written. */
  async rows(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const { stdout } = this.#terminal;
    if (this.isMachine) {
      for await (const chunk of chunks) await writeTo(stdout, chunk);
      return;
    }
    let pending: Json[] = [];
    let widths: readonly number[] | undefined;
    let count = 0;
    const flush = async (): Promise<void> => {
      if (pending.length === 0) return;
      const table = tableText(pending, { paint: this.paint(stdout), ...(widths === undefined ? {} : { widths }) });
      ({ widths } = table);
      pending = [];
      await writeTo(stdout, table.text);
    };
    for await (const line of linesOf(chunks)) {
      pending.push(parseJson(line));
      count += 1;
      if (pending.length === ROWS_LAID_OUT) await flush();
    }
    await flush();
    await this.note(`${count} ${count === 1 ? 'row' : 'rows'}`);
  }

  /** Text or bytes of another format, as they are. */
  async raw(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    for await (const chunk of chunks) await writeTo(this.#terminal.stdout, chunk);
  }

  /** Text for a person, on stdout whatever reads it: help. */
  async text(text: string): Promise<void> {
    await writeTo(this.#terminal.stdout, ended(text));
  }

  /** A remark beside the result; left out with --quiet. */
  async note(text: string): Promise<void> {
    if (!this.isQuiet) await writeTo(this.#terminal.stderr, ended(this.paint(this.#terminal.stderr)(text, 'dim')));
  }

  /** Something the user should know whatever was asked for. */
  async warn(text: string): Promise<void> {
    await writeTo(this.#terminal.stderr, ended(`${this.paint(this.#terminal.stderr)('warning:', 'yellow')} ${text}`));
  }

  /** Part of a text that goes with the result but isn't it: a diff before it is applied. */
  async aside(render: (paint: Paint) => string): Promise<void> {
    await writeTo(this.#terminal.stderr, ended(render(this.paint(this.#terminal.stderr))));
  }

  /** Colours only where a screen shows them and nobody asked for none. */
  paint(stream: OutputStream): Paint {
    const { env } = this.#terminal;
    return stream.isTTY === true && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb' ? coloured : plain;
  }
}

export type Paint = (text: string, ...colours: readonly Colour[]) => string;

const plain: Paint = (text) => text;
const coloured: Paint = (text, ...colours) => colours.reduce((inner, colour) => `\u001b[${CODES[colour][0]}m${inner}\u001b[${CODES[colour][1]}m`, text);

/** Lines of UTF-8 text that comes in pieces, without their ends; empty ones left out. */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncIterable<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line !== '') yield line;
  }
  rest += decoder.decode();
  if (rest !== '') yield rest;
}

function ended(text: string): string {
  return text.endsWith('\n') ? text : `${text}\n`;
}
