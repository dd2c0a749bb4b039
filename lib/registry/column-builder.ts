/** Column types as code: `t.string()`, `t.double().nullable()`. A column knows the TypeScript type of its values. */
import type { Json } from '../core/json.ts';

declare const valueType: unique symbol;

/** A column of a schema, a spine or a function's inputs. `T` is its value without null. */
export interface ColumnBuilder<T = unknown, Nullable extends boolean = boolean> {
  readonly [valueType]?: T;
  /** As definitions spell it: `decimal(10,2)`. */
  readonly type: string;
  readonly isNullable: Nullable;
  readonly settings: ColumnSettings;
  readonly nullable: () => ColumnBuilder<T, true>;
  /** Fills rows that omit the column, from then on, at write time only. Given in its JSON form. */
  readonly default: (value: Json) => ColumnBuilder<T, Nullable>;
  readonly description: (text: string) => ColumnBuilder<T, Nullable>;
}

/** A timestamp column may take whole epoch numbers. */
export interface TimestampBuilder<Nullable extends boolean = boolean> extends ColumnBuilder<string, Nullable> {
  readonly unit: (unit: 's' | 'ms' | 'us') => ColumnBuilder<string, Nullable>;
}

export interface ColumnSettings {
  readonly default?: Json;
  readonly unit?: 's' | 'ms' | 'us';
  readonly description?: string;
}

/** Columns by name, in their order. */
export type Schema = Readonly<Record<string, ColumnBuilder>>;

/** A column's value: `T`, or `T | null` where it is nullable. */
export type ValueOf<C> = C extends ColumnBuilder<infer T, infer N> ? (N extends true ? T | null : T) : never;

/** An object with a value for every column. */
export type ValuesOf<S extends Schema> = { readonly [Name in keyof S]: ValueOf<S[Name]> };

function column<T, N extends boolean>(type: string, isNullable: N, settings: ColumnSettings): ColumnBuilder<T, N> {
  return {
    type,
    isNullable,
    settings,
    nullable: () => column<T, true>(type, true, settings),
    default: (value) => column<T, N>(type, isNullable, { ...settings, default: value }),
    description: (text) => column<T, N>(type, isNullable, { ...settings, description: text }),
  };
}

const required = <T>(type: string): ColumnBuilder<T, false> => column<T, false>(type, false, {});

type Elements<Fields extends Schema> = { readonly [Name in keyof Fields]: ValueOf<Fields[Name]> | null };

/** The types of semantics §9. */
export const t = {
  boolean: () => required<boolean>('boolean'),
  int: () => required<number>('int'),
  bigint: () => required<bigint>('bigint'),
  float: () => required<number>('float'),
  double: () => required<number>('double'),
  decimal: (precision: number, scale: number) => required<string>(`decimal(${precision},${scale})`),
  string: () => required<string>('string'),
  binary: () => required<Uint8Array>('binary'),
  date: () => required<string>('date'),
  timestamp: (): TimestampBuilder<false> => ({ ...required<string>('timestamp'), unit: (unit) => column<string, false>('timestamp', false, { unit }) }),
  vector: (length: number) => required<Float32Array>(`vector(${length})`),
  array: <T>(element: ColumnBuilder<T>) => required<readonly (T | null)[]>(`array<${element.type}>`),
  struct: <const Fields extends Schema>(fields: Fields) =>
    required<Elements<Fields>>(
      `struct<${Object.entries(fields)
        .map(([name, field]) => `${name}:${field.type}`)
        .join(',')}>`,
    ),
  map: <K, V>(key: ColumnBuilder<K>, value: ColumnBuilder<V>) => required<ReadonlyMap<K, V | null>>(`map<${key.type},${value.type}>`),
} as const;

/** The columns in the JSON form of definitions. */
export function schemaJson(schema: Schema): readonly Readonly<Record<string, Json>>[] {
  return Object.entries(schema).map(([name, { type, isNullable, settings }]) => ({ name, type, ...(isNullable ? { nullable: true } : {}), ...settings }));
}
