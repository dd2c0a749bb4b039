/** The dictionaries of several chunks of a column as one. */
import { concatBytes } from '../../core/bytes.ts';
import { boundOrder } from '../bound-order.ts';
import type { FlatColumn } from './flat-column.ts';
import { widthOf } from './plain-page.ts';
import { corruptFile } from '../wasm-runtime.ts';

export interface MergedDictionary {
  /** Adds an unpacked dictionary page; answers the place of each of its values among all. @throws LakefoldError FILE_CORRUPT where values end early */
  readonly add: (body: Uint8Array, count: number) => Int32Array;
  readonly size: () => number;
  /** The value at a place, without its length. */
  readonly valueAt: (place: number) => Uint8Array;
}

/** Bytes as a text of as many characters, which tells all of them apart. */
const latin1 = new TextDecoder('latin1');

export function mergeDictionaries({ kind }: FlatColumn): MergedDictionary {
  const places = new Map<number | bigint | string, number>();
  const values: Uint8Array[] = [];
  return {
    size: () => values.length,
    valueAt: (place) => values[place] ?? new Uint8Array(),
    add: (body, count) => {
      const mapping = new Int32Array(count);
      const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
      let at = 0;
      for (let i = 0; i < count; i += 1) {
        if (kind === 'bytes' && at + 4 > body.length) throw corruptFile('a dictionary that ends early', undefined);
        const length = kind === 'bytes' ? view.getUint32(at, true) : widthOf(kind);
        const start = kind === 'bytes' ? at + 4 : at;
        at = start + length;
        if (at > body.length) throw corruptFile('a dictionary that ends early', undefined);
        const key = kind === 'bytes' ? latin1.decode(body.subarray(start, at)) : length === 4 ? view.getInt32(start, true) : view.getBigInt64(start, true);
        let place = places.get(key);
        if (place === undefined) {
          place = values.length;
          places.set(key, place);
          values.push(body.slice(start, at));
        }
        mapping[i] = place;
      }
      return mapping;
    },
  };
}

/** Values as a dictionary page has them. */
export function plainDictionary({ kind }: FlatColumn, values: readonly Uint8Array[]): Uint8Array {
  return concatBytes(kind === 'bytes' ? values.flatMap((value) => [new Uint8Array(Uint32Array.of(value.length).buffer), value]) : values);
}

/** The rank of each value in the order of the column; -1 of NaN. */
export function ranksOf({ element, kind }: FlatColumn, values: readonly Uint8Array[]): Int32Array {
  const order = boundOrder(element);
  const isNaN = (value: Uint8Array): boolean => (kind === 'float' || kind === 'double') && order?.(value, value) === undefined;
  const ranks = new Int32Array(values.length).fill(-1);
  const sorted = values.map((value, i) => ({ value, i })).filter(({ value }) => !isNaN(value));
  sorted.sort((a, b) => order?.(a.value, b.value) ?? 0);
  sorted.forEach(({ i }, rank) => {
    ranks[i] = rank;
  });
  return ranks;
}
