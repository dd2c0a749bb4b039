/** What happened in a schedule: a hash of all of it, and the last lines of text where they are wanted. */
const LINES_MAX = 40;

export class Trace {
  readonly #wanted: 'hash' | 'tail' | 'all';
  readonly #lines: string[] = [];
  #hash = 0x811c9dc5;

  constructor(wanted: 'hash' | 'tail' | 'all') {
    this.#wanted = wanted;
  }

  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, '0');
  }

  get lines(): readonly string[] {
    return this.#lines;
  }

  note(now: number, who: string, what: string, where = ''): void {
    this.#mix(now * 1000);
    this.#mixText(who);
    this.#mixText(what);
    this.#mixText(where);
    if (this.#wanted === 'hash') return;
    this.#lines.push(`${(now / 1000).toFixed(3).padStart(12)} s  ${who.padEnd(14)} ${what} ${where}`.trimEnd());
    if (this.#wanted === 'tail' && this.#lines.length > LINES_MAX) this.#lines.shift();
  }

  #mix(value: number): void {
    this.#hash = Math.imul(this.#hash ^ (value | 0), 0x01000193);
  }

  #mixText(text: string): void {
    let hash = this.#hash;
    for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    this.#hash = hash;
  }
}
