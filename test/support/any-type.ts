/** Column types as deep as they come, each with the values it may have. */
import fc from 'fast-check';
import { hasLoneSurrogate } from '../../lib/core/bytes.ts';
import { parseType, type ColumnType, type Value } from '../../lib/core/types.ts';

type Typed = readonly [ColumnType, fc.Arbitrary<Value>];

const LEAVES: readonly (readonly [string, fc.Arbitrary<Value>])[] = [
  ['boolean', fc.boolean()],
  ['int', fc.integer({ min: -2_147_483_648, max: 2_147_483_647 })],
  ['bigint', fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })],
  ['float', fc.float()],
  ['double', fc.double()],
  ['decimal(9,3)', fc.bigInt({ min: -999_999_999n, max: 999_999_999n })],
  ['decimal(38,0)', fc.bigInt({ min: -(10n ** 38n) + 1n, max: 10n ** 38n - 1n })],
  ['string', fc.string({ unit: 'binary' }).filter((text) => !hasLoneSurrogate(text))],
  ['binary', fc.uint8Array({ maxLength: 20 })],
  ['date', fc.integer({ min: -719_162, max: 2_932_896 })],
  ['timestamp', fc.bigInt({ min: -62_135_596_800_000_000n, max: 253_402_300_799_999_999n })],
];
const leaf: fc.Arbitrary<Typed> = fc.constantFrom(...LEAVES).map(([type, values]): Typed => [parseType(type), values]);

export const anyType: fc.Arbitrary<Typed> = fc.letrec<{ node: Typed }>((tie) => ({
  node: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    tie('node').map(([element, values]): Typed => [{ kind: 'array', element }, fc.array(fc.option(values), { maxLength: 4 })]),
    fc.tuple(tie('node'), tie('node')).map(([[a, as], [b, bs]]): Typed => [
      {
        kind: 'struct',
        fields: [
          { name: 'a', type: a },
          { name: 'b', type: b },
        ],
      },
      fc.tuple(fc.option<Value>(as), fc.option<Value>(bs)),
    ]),
    tie('node').map(([value, values]): Typed => [
      { kind: 'map', key: { kind: 'string' }, value },
      fc.uniqueArray(fc.tuple(fc.string(), fc.option<Value>(values)), { maxLength: 3, selector: ([key]) => key }),
    ]),
    fc.integer({ min: 1, max: 3 }).map((length): Typed => [{ kind: 'vector', length }, fc.array(fc.float(), { minLength: length, maxLength: length })]),
  ),
})).node;
