/** Runs the test of a proof with its change made, in memory: no file is written, so that many can run beside each other. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createVitest, type TestCase, type TestModule, type Vitest } from 'vitest/node';
import { type Change, changedText, type Proof } from './proof.ts';
import { ROOT } from './root.ts';

const TEST_LIMIT_MILLIS = 60_000;

/** What became of the test: `red` failed an assertion, `broken` failed otherwise or did not run at all. */
export type Verdict = { readonly kind: 'green' } | { readonly kind: 'red'; readonly message: string } | { readonly kind: 'broken'; readonly message: string };

/** One vitest that stays up: what a change does not touch is transformed once. Close it. */
export class Prover {
  readonly #vitest: Vitest;
  readonly #planted: Planted;

  private constructor(vitest: Vitest, planted: Planted) {
    this.#vitest = vitest;
    this.#planted = planted;
  }

  static async open(): Promise<Prover> {
    const planted: Planted = { change: undefined, wasLoaded: false };
    const vitest = await createVitest(
      'test',
      {
        root: ROOT,
        config: false,
        watch: false,
        include: ['test/**/*.test.ts'],
        maxWorkers: 1,
        testTimeout: TEST_LIMIT_MILLIS,
        hookTimeout: TEST_LIMIT_MILLIS,
        reporters: [{}],
        printConsoleTrace: false,
        silent: true,
      },
      { plugins: [plantingPlugin(planted)], clearScreen: false, logLevel: 'silent' },
    );
    await vitest.standalone();
    return new Prover(vitest, planted);
  }

  /** Runs the proof's test, with the change unless `unchanged`. @throws Error when the change does not fit its file, or no test or several have the name */
  async run(proof: Proof, options: { readonly unchanged?: boolean } = {}): Promise<Verdict> {
    const path = join(ROOT, proof.change.file);
    if (options.unchanged !== true) changedText(await readFile(path, 'utf8'), proof.change);
    this.#planted.change = options.unchanged === true ? undefined : proof.change;
    this.#planted.wasLoaded = false;
    this.#vitest.invalidateFile(path);
    try {
      const verdict = await this.#runTest(proof);
      if (this.#planted.change === undefined || this.#planted.wasLoaded) return verdict;
      return { kind: 'broken', message: `the test never loads ${proof.change.file}` };
    } finally {
      this.#planted.change = undefined;
      this.#vitest.invalidateFile(path);
    }
  }

  /** What is wrong with the proof; undefined where its test is green as the code stands and red with the change. */
  async faultOf(proof: Proof, { changedOnly }: { readonly changedOnly: boolean }): Promise<string | undefined> {
    try {
      const before = changedOnly ? undefined : await this.run(proof, { unchanged: true });
      if (before !== undefined && before.kind !== 'green') return `${before.kind} without the change: ${before.message}`;
      const after = await this.run(proof);
      if (after.kind === 'red') return undefined;
      return after.kind === 'green' ? 'stays green with the change' : `no assertion failed: ${after.message}`;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  async close(): Promise<void> {
    await this.#vitest.close();
  }

  async #runTest({ test: { file, name } }: Proof): Promise<Verdict> {
    const project = this.#vitest.getRootProject();
    const specification = project.createSpecification(join(ROOT, file), { testNamePattern: patternOf(name) });
    const { testModules, unhandledErrors } = await this.#vitest.runTestSpecifications([specification]);
    const tests = testModules.flatMap((module) => [...module.children.allTests()]).filter((test) => test.result().state !== 'skipped' && isNamed(test, name));
    const [test] = tests;
    if (test === undefined || tests.length > 1)
      return { kind: 'broken', message: `expected one test named ${name} in ${file}, found ${tests.length}${faultsOf(testModules)}` };
    return verdictOf(test, unhandledErrors);
  }
}

interface Planted {
  change: Change | undefined;
  wasLoaded: boolean;
}

function plantingPlugin(planted: Planted) {
  return {
    name: 'planted-change',
    enforce: 'pre' as const,
    transform(code: string, id: string) {
      const { change } = planted;
      if (change === undefined || id.split('?')[0] !== join(ROOT, change.file)) return undefined;
      planted.wasLoaded = true;
      return { code: changedText(code, change), map: null };
    },
  };
}

/** Vitest joins the parts of a name by spaces. */
function patternOf(name: string): RegExp {
  return new RegExp(`${name.replaceAll(' > ', ' ').replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)}$`);
}

function isNamed(test: TestCase, name: string): boolean {
  return test.fullName === name || test.fullName.endsWith(` > ${name}`);
}

function faultsOf(modules: readonly TestModule[]): string {
  const [first] = modules.flatMap((module) => module.errors());
  return first === undefined ? '' : `: ${first.message}`;
}

function verdictOf(test: TestCase, unhandled: readonly unknown[]): Verdict {
  const result = test.result();
  if (result.state === 'passed') return unhandled.length === 0 ? { kind: 'green' } : { kind: 'broken', message: String(unhandled[0]) };
  if (result.state !== 'failed') return { kind: 'broken', message: `the test was ${result.state}` };
  const [first] = result.errors;
  const message = (first?.message ?? '').split('\n').slice(0, 2).join(' ');
  return result.errors.some(isAssertion) ? { kind: 'red', message } : { kind: 'broken', message: `${first?.name ?? 'Error'}: ${message}` };
}

/** Of an assertion, or of a property one of whose runs failed an assertion. */
function isAssertion(error: { readonly name?: string; readonly cause?: unknown }): boolean {
  if (error.name === 'AssertionError') return true;
  const { cause } = error;
  return typeof cause === 'object' && cause !== null && isAssertion(cause);
}
