/** The object store contract notices what it is there to notice. */
import { describe, expect, it } from 'vitest';
import { MemoryObjectStore } from '../../lib/adapters/memory/object-store.ts';
import { objectStoreCases } from '../contract/object-store.contract.ts';
import type { ObjectStoreCase } from '../contract/object-store.contract.ts';
import { brokenObjectStores } from '../support/broken-object-stores.ts';
import { tickingClock } from '../support/object-store-ports.ts';
import { wrappedStore } from '../support/wrapped-store.ts';

function caseOf(caughtBy: string): ObjectStoreCase {
  const matches = objectStoreCases.filter((candidate) => candidate.name.startsWith(caughtBy));
  const [match] = matches;
  if (match === undefined || matches.length > 1) throw new Error(`expected one case beginning with '${caughtBy}', found ${matches.length}`);
  return match;
}

describe('the object store contract', () => {
  for (const { name, caughtBy, make } of brokenObjectStores) {
    const contractCase = caseOf(caughtBy);
    it(`fails a store that ${name}: ${contractCase.name}`, async () => {
      await contractCase.run(wrappedStore(new MemoryObjectStore({ clock: tickingClock() })));
      await expect(contractCase.run(make())).rejects.toThrow();
    });
  }

  it('has no case that no broken store fails', () => {
    const caught = new Set(brokenObjectStores.map(({ caughtBy }) => caseOf(caughtBy).name));
    expect(objectStoreCases.map(({ name }) => name).filter((name) => !caught.has(name))).toEqual([]);
  });
});
