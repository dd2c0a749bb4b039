import { describe, expect, it } from 'vitest';
import { decodeUtf8, utf8 } from '../../lib/core/bytes.ts';
import type { Control, ControlRecord } from '../../lib/ports/control.ts';
import type { Registry } from '../../lib/registry/registry.ts';
import { readRegistryCopy, writeRegistryCopy, type RegistryCopyDeps } from '../../lib/registry/registry-copy.ts';
import { emptyState } from '../../lib/registry/state.ts';
import { seededRandom, testClock, type TestClock } from '../support/fold-ports.ts';

interface MapControl extends Control {
  readonly records: Map<string, ControlRecord>;
  readonly gets: string[];
}

function mapControl(beforePut: (sort: string) => Promise<void> = async () => {}): MapControl {
  const records = new Map<string, ControlRecord>();
  const gets: string[] = [];
  return {
    records,
    gets,
    get: async (partition, sort) => {
      gets.push(sort);
      return records.get(`${partition}|${sort}`);
    },
    put: async ({ partition, sort, bytes }, { condition } = {}) => {
      await beforePut(sort);
      const found = records.get(`${partition}|${sort}`);
      if (condition?.kind === 'absent' && found !== undefined) return undefined;
      if (condition?.kind === 'revision' && found?.revision !== condition.revision) return undefined;
      const record = { partition, sort, bytes, revision: (found?.revision ?? 0) + 1 };
      records.set(`${partition}|${sort}`, record);
      return record;
    },
    delete: async (partition, sort) => {
      records.delete(`${partition}|${sort}`);
      return true;
    },
    query: async function* () {},
    close: async () => {},
  };
}

const registryAt = (revision: number, description = 'd'): Registry => ({
  project: 'demo',
  revision,
  state: emptyState({ description, createdAt: '2024-01-01T00:00:00Z' }),
});
const ports = (control = mapControl()): RegistryCopyDeps & { readonly control: MapControl; readonly clock: TestClock } => ({
  control,
  clock: testClock(1_000_000_000n),
});
/** Text that gzip can't shrink much. */
const random = seededRandom(1);
const noise = Array.from({ length: 1_000_000 }, () => String.fromCharCode(33 + Math.floor(random.unit() * 90))).join('');

describe('the registry copy', () => {
  it('is absent until it is written, then equal, and costs one read while nothing changed', async () => {
    const deps = ports();
    expect(await readRegistryCopy(deps.control, 'demo')).toBeUndefined();
    expect(await writeRegistryCopy(deps, registryAt(3))).toEqual({ kind: 'written' });
    const read = await readRegistryCopy(deps.control, 'demo');
    expect(read).toEqual(registryAt(3));
    deps.control.gets.splice(0);
    expect(await readRegistryCopy(deps.control, 'demo', read === undefined ? {} : { known: read })).toBe(read);
    expect(deps.control.gets).toEqual(['head']);
  });

  it('is stored as a head and numbered parts of at most 350 KB', async () => {
    const deps = ports();
    const registry = registryAt(7, noise);
    await writeRegistryCopy(deps, registry);
    const sizes = [...deps.control.records.values()].filter(({ sort }) => sort !== 'head').map(({ bytes }) => bytes.length);
    expect(sizes.length).toBeGreaterThan(1);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(350 * 1024);
    expect([...deps.control.records.keys()].toSorted()).toEqual([...sizes.map((_, i) => `registry/demo|7/00${i}`), 'registry/demo|head']);
    expect(await readRegistryCopy(deps.control, 'demo')).toEqual(registry);
  });

  it('moves forward only', async () => {
    const deps = ports();
    await writeRegistryCopy(deps, registryAt(5));
    expect(await writeRegistryCopy(deps, registryAt(4, 'older'))).toEqual({ kind: 'current' });
    expect(await writeRegistryCopy(deps, registryAt(5))).toEqual({ kind: 'current' });
    expect(await readRegistryCopy(deps.control, 'demo')).toEqual(registryAt(5));
  });

  it('does not go back when a newer head lands between its read and its write', async () => {
    let raced = false;
    const control: MapControl = mapControl(async (sort) => {
      if (sort !== 'head' || raced) return;
      raced = true;
      await writeRegistryCopy(deps, registryAt(9, 'newer'));
    });
    const deps = ports(control);
    expect(await writeRegistryCopy(deps, registryAt(8))).toEqual({ kind: 'current' });
    expect(await readRegistryCopy(control, 'demo')).toEqual(registryAt(9, 'newer'));
  });

  it('keeps the parts of a replaced head for an hour', async () => {
    const deps = ports();
    const parts = (): readonly string[] =>
      [...deps.control.records.values()]
        .map(({ sort }) => sort)
        .filter((sort) => sort !== 'head')
        .toSorted();
    await writeRegistryCopy(deps, registryAt(1));
    await writeRegistryCopy(deps, registryAt(2));
    deps.clock.set(deps.clock.nowMicros() + 3_599_000_000n);
    await writeRegistryCopy(deps, registryAt(3));
    expect(parts()).toEqual(['1/000', '2/000', '3/000']);
    deps.clock.set(deps.clock.nowMicros() + 1_000_000n);
    await writeRegistryCopy(deps, registryAt(4));
    expect(parts()).toEqual(['2/000', '3/000', '4/000']);
  });

  it('says so when a part is missing or the head is no head', async () => {
    const deps = ports();
    await writeRegistryCopy(deps, registryAt(1));
    deps.control.records.delete('registry/demo|1/000');
    await expect(readRegistryCopy(deps.control, 'demo')).rejects.toMatchObject({ code: 'CORRUPT_STORE' });
    await deps.control.put({ partition: 'registry/demo', sort: 'head', bytes: utf8('{"revision":"1"}') });
    await expect(readRegistryCopy(deps.control, 'demo')).rejects.toMatchObject({ code: 'CORRUPT_STORE' });
  });

  it('has a head that names revision, parts and hash', async () => {
    const deps = ports();
    await writeRegistryCopy(deps, registryAt(1));
    const head = deps.control.records.get('registry/demo|head');
    expect(JSON.parse(decodeUtf8(head?.bytes ?? new Uint8Array()) ?? '')).toEqual({
      revision: 1,
      parts: 1,
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      retired: [],
    });
  });
});
