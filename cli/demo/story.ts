/** What the demo says and how it judges itself: steps, checks, progress. */
import { isDeepStrictEqual } from 'node:util';

export interface StepResult {
  readonly name: string;
  readonly ok: boolean;
  readonly seconds: number;
  readonly checks: number;
}

/** A stream that may be a screen. */
export interface StoryStream extends NodeJS.WritableStream {
  readonly isTTY?: boolean;
}

export interface StoryOptions {
  /** Progress bars and colours, where the stream is a screen. */
  readonly screen: 'ifTTY' | 'never';
}

const BAR_WIDTH = 32;
/** Between two drawings of a progress bar, ms. */
const REDRAW_MILLIS = 80;
/** Characters of a value that a failed check shows. */
const SHOWN_MAX = 400;

/** The steps in the order told. */
export class Story {
  readonly #out: StoryStream;
  readonly #isScreen: boolean;
  readonly #steps: StepResult[] = [];

  constructor(out: StoryStream, { screen }: StoryOptions) {
    this.#out = out;
    this.#isScreen = screen === 'ifTTY' && out.isTTY === true;
  }

  get steps(): readonly StepResult[] {
    return this.#steps;
  }

  /** True while every check of every step has passed. */
  get ok(): boolean {
    return this.#steps.every((step) => step.ok);
  }

  say(text: string): void {
    this.#out.write(`${text}\n`);
  }

  /** Tells one step; false when a check failed. What it throws is its failure too, and is thrown on. */
  async step(name: string, title: string, tell: (step: Step) => Promise<void>): Promise<boolean> {
    const startedAt = performance.now();
    this.say(`\n${this.#paint('1', `${this.#steps.length + 1}. ${title}`)}`);
    const step = new Step({ write: (text) => this.#out.write(text), isScreen: this.#isScreen, paint: (code, text) => this.#paint(code, text) });
    let ended = false;
    try {
      await tell(step);
      ended = true;
    } finally {
      const seconds = Math.round(performance.now() - startedAt) / 1000;
      this.#steps.push({ name, ok: ended && step.failures === 0, seconds, checks: step.checks });
      this.say(this.#paint('2', `   ${step.checks} checks${step.failures === 0 ? '' : `, ${step.failures} failed`}, ${seconds.toFixed(1)} s`));
    }
    return step.failures === 0;
  }

  #paint(code: string, text: string): string {
    return this.#isScreen ? `\u001b[${code}m${text}\u001b[0m` : text;
  }
}

interface StepOutput {
  readonly write: (text: string) => void;
  readonly isScreen: boolean;
  readonly paint: (code: string, text: string) => string;
}

/** One step as its teller sees it. */
export class Step {
  readonly #output: StepOutput;
  #checks = 0;
  #failures = 0;
  #drawnAt = 0;

  constructor(output: StepOutput) {
    this.#output = output;
  }

  get checks(): number {
    return this.#checks;
  }

  get failures(): number {
    return this.#failures;
  }

  say(text: string): void {
    this.#output.write(`   ${text}\n`);
  }

  /** One thing that must be so; `found` and `expected` are shown where they are not deeply equal. */
  check<Value>(what: string, { found, expected }: { readonly found: Value; readonly expected: Value }): void {
    this.#checks += 1;
    if (isDeepStrictEqual(found, expected)) {
      this.#output.write(`   ${this.#output.paint('32', '✓')} ${what}\n`);
      return;
    }
    this.#failures += 1;
    this.#output.write(`   ${this.#output.paint('31', '✗')} ${what}\n       expected ${shown(expected)}\n       found    ${shown(found)}\n`);
  }

  /** A bar on a screen, nothing elsewhere; gone when all is done. */
  progress(done: number, total: number, label: string): void {
    if (!this.#output.isScreen) return;
    const now = performance.now();
    if (done >= total) this.#output.write('\r\u001b[K');
    else if (now - this.#drawnAt > REDRAW_MILLIS) {
      this.#drawnAt = now;
      const filled = Math.round((BAR_WIDTH * done) / total);
      this.#output.write(`\r   ${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)} ${done}/${total} ${label}\u001b[K`);
    }
  }
}

/** `1,234,567`. */
export function count(value: number): string {
  return value.toLocaleString('en-US');
}

function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value, (_key, item: unknown) => (typeof item === 'bigint' ? String(item) : item));
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text;
}
