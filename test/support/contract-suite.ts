/** A contract as a list of cases: registered for each adapter, and run on adapters that are broken on purpose. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

export interface ContractCase<Subject> {
  readonly name: string;
  run(subject: Subject): Promise<void>;
}

export interface ContractSuite<Subject> {
  readonly name: string;
  /** Empty, and nobody else's. */
  make(): Promise<{ readonly subject: Subject; close(): Promise<void> }>;
  /** Names of cases a vendor's imitation can't pass, each with the reason; one that passes after all is a failure, so that the list stays true. */
  readonly deviations?: Readonly<Record<string, string>>;
}

export interface BrokenAdapter<Subject> {
  /** What it does wrong, as the end of "a store that …". */
  readonly name: string;
  /** Beginnings of the names of the cases that notice. */
  readonly caughtBy: readonly string[];
  make(): Subject;
}

/** Registers every case against fresh subjects. */
export function describeContract<Subject>(port: string, cases: readonly ContractCase<Subject>[], suite: ContractSuite<Subject>): void {
  describe(`${port} contract: ${suite.name}`, () => {
    let current: Awaited<ReturnType<ContractSuite<Subject>['make']>>;
    beforeEach(async () => {
      current = await suite.make();
    });
    afterEach(async () => {
      await current.close();
    });
    for (const { name, run } of cases) {
      const reason = suite.deviations?.[name];
      if (reason === undefined) it(name, () => run(current.subject));
      else it.fails(`${name} (does not: ${reason})`, () => run(current.subject));
    }
  });
}

/** Shows that each broken adapter fails the cases named, and that no case is there for nothing. */
export function describeBroken<Subject>(port: string, cases: readonly ContractCase<Subject>[], broken: readonly BrokenAdapter<Subject>[]): void {
  const caseOf = (start: string): ContractCase<Subject> => {
    const matches = cases.filter(({ name }) => name.startsWith(start));
    const [match] = matches;
    if (match === undefined || matches.length > 1) throw new Error(`expected one case beginning with '${start}', found ${matches.length}`);
    return match;
  };
  describe(`the ${port} contract`, () => {
    for (const { name, caughtBy, make } of broken) {
      for (const contractCase of caughtBy.map(caseOf)) {
        it(`fails one that ${name}: ${contractCase.name}`, async () => {
          await expect(contractCase.run(make())).rejects.toThrow();
        });
      }
    }

    it('has no case that nothing broken fails', () => {
      const caught = new Set(broken.flatMap(({ caughtBy }) => caughtBy.map((start) => caseOf(start).name)));
      expect(cases.map(({ name }) => name).filter((name) => !caught.has(name))).toEqual([]);
    });
  });
}
