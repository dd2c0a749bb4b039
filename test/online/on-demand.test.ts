import { describe, expect, it } from 'vitest';
import { parseType, type Value } from '../../lib/core/types.ts';
import { callOnDemand, type OnDemandFunction } from '../../lib/online/on-demand.ts';

const AT = '2001-03-01T10:30:00Z';

function call(given: {
  readonly inputs?: readonly (readonly [name: string, type: string, value: Value, nullable?: boolean])[];
  readonly returns: string;
  readonly nullable?: boolean;
  readonly compute: OnDemandFunction;
}) {
  const inputs = given.inputs ?? [];
  const plan = {
    name: 'f',
    compute: given.compute,
    returns: { type: parseType(given.returns), nullable: given.nullable ?? false },
    inputs: inputs.map(([name, type, , nullable]) => ({ name, type: parseType(type), nullable: nullable ?? false })),
  };
  return callOnDemand(
    plan,
    inputs.map(([, , value]) => value),
    AT,
  );
}

describe('callOnDemand (S9)', () => {
  it('hands over values as TypeScript programs hold them', () => {
    const seen: unknown[] = [];
    call({
      returns: 'int',
      compute: (inputs, context) => {
        seen.push(inputs, context);
        return 1;
      },
      inputs: [
        ['flag', 'boolean', true],
        ['big', 'bigint', 5n],
        ['price', 'decimal(5,2)', 150n],
        ['day', 'date', 0],
        ['at', 'timestamp', 1n],
        ['bytes', 'binary', Uint8Array.of(1)],
        ['vec', 'vector(2)', [1, 2]],
        ['list', 'array<int>', [1, null]],
        ['st', 'struct<a:int>', [1]],
        ['m', 'map<string,int>', [['k', 1]]],
        ['none', 'string', null, true],
      ],
    });
    expect(seen).toEqual([
      {
        flag: true,
        big: 5n,
        price: '1.50',
        day: '1970-01-01',
        at: '1970-01-01T00:00:00.000001Z',
        bytes: Uint8Array.of(1),
        vec: Float32Array.of(1, 2),
        list: [1, null],
        st: { a: 1 },
        m: new Map([['k', 1]]),
        none: null,
      },
      { at: AT },
    ]);
  });

  it('takes what it returns strictly as its declared type', () => {
    expect(call({ returns: 'bigint', compute: () => 2n ** 60n })).toEqual({ kind: 'computed', value: 2n ** 60n });
    expect(call({ returns: 'float', compute: () => 0.1 })).toEqual({ kind: 'computed', value: Math.fround(0.1) });
    expect(call({ returns: 'timestamp', compute: () => AT })).toEqual({ kind: 'computed', value: 983_442_600_000_000n });
    expect(call({ returns: 'vector(2)', compute: () => Float32Array.of(1, 2) })).toEqual({ kind: 'computed', value: [1, 2] });
    expect(call({ returns: 'int', nullable: true, compute: () => undefined })).toEqual({ kind: 'computed', value: null });
    expect(call({ returns: 'int', compute: () => 1.5 })).toEqual({ kind: 'failed', reason: 'expected it to return int, found 1.5' });
    expect(call({ returns: 'int', compute: () => null })).toEqual({ kind: 'failed', reason: 'expected it to return int, found null' });
    expect(
      call({
        returns: 'double',
        compute: () => {
          throw new Error('no model');
        },
      }),
    ).toEqual({ kind: 'failed', reason: 'no model' });
  });

  it('is not called when an input that may not be null is', () => {
    const compute = (): never => {
      throw new Error('called');
    };
    expect(
      call({
        returns: 'int',
        compute,
        inputs: [
          ['a', 'int', 1],
          ['b', 'int', null],
        ],
      }),
    ).toEqual({ kind: 'notCalled', input: 1 });
  });
});
