/** TypeScript types of rows, read off a group's schema and a view. */
import type { ColumnBuilder, Schema, ValueOf, ValuesOf } from './column-builder.ts';
import type { FeatureView, Join, OnDemand, OutputNames } from './define-view.ts';

/** A row as reads give it. */
export type Row<S extends Schema = Schema> = ValuesOf<S>;

/** A row as the change feed gives it, in Delta's names. */
export type ChangedRow<S extends Schema = Schema> = Row<S> & {
  readonly _change_type: 'insert' | 'update_preimage' | 'update_postimage' | 'delete';
  readonly _commit_version: bigint;
  readonly _commit_timestamp: string;
};

/** A value as writes take it: a timestamp or date also as `Date`, a bigint also as a number, a vector as an array, a map as an object. */
export type InputOf<T> = T extends string
  ? string | Date
  : T extends bigint
    ? bigint | number
    : T extends Float32Array
      ? Float32Array | readonly number[]
      : T extends ReadonlyMap<infer K, infer V>
        ? ReadonlyMap<K, V> | Readonly<Record<string, V>>
        : T;

type RequiredNames<S extends Schema> = { [Name in keyof S]: S[Name] extends ColumnBuilder<unknown, false> ? Name : never }[keyof S];

/** A row as writes take it: what is nullable may be left out. Without a schema any object is. */
export type RowInput<S extends Schema = Schema> = string extends keyof S
  ? Readonly<Record<string, unknown>>
  : { readonly [Name in RequiredNames<S>]: InputOf<ValueOf<S[Name]>> } & {
      readonly [Name in Exclude<keyof S, RequiredNames<S>>]?: InputOf<ValueOf<S[Name]>> | null;
    };

type NonNull<C> = NonNullable<ValueOf<C>>;

type JoinFeatures<J> =
  J extends Join<infer S, infer Names, infer Prefix>
    ? { readonly [Name in Names[number] & keyof S & string as `${Prefix}${Name}`]: NonNull<S[Name]> | null }
    : never;

type CompleteJoinFeatures<J> =
  J extends Join<infer S, infer Names, infer Prefix> ? { readonly [Name in Names[number] & keyof S & string as `${Prefix}${Name}`]: ValueOf<S[Name]> } : never;

type FunctionFeatures<F> = F extends OnDemand<infer Name, Schema, infer Returns> ? { readonly [Key in Name]: NonNull<Returns> | null } : never;

type Intersection<Union> = (Union extends unknown ? (each: Union) => void : never) extends (all: infer All) => void ? All : never;

type Flat<T> = { readonly [Key in keyof T]: T[Key] };

type All<Union> = [Union] extends [never] ? unknown : Intersection<Union>;

/** A view's features by output name; each may be null. */
export type Features<V> =
  V extends FeatureView<Schema, infer Joins, infer Functions>
    ? string extends Joins[number]['features'][number]
      ? Readonly<Record<string, unknown>>
      : Flat<All<JoinFeatures<Joins[number]>> & All<FunctionFeatures<Functions[number]>>>
    : Readonly<Record<string, unknown>>;

/**
 * A view's features where none is missing (`allowMissing: false`): null only where the column may be, or where a function was not called
 * because an input was null (semantics S9).
 */
export type CompleteFeatures<V> =
  V extends FeatureView<Schema, infer Joins, infer Functions>
    ? string extends Joins[number]['features'][number]
      ? Readonly<Record<string, unknown>>
      : Flat<All<CompleteJoinFeatures<Joins[number]>> & All<FunctionFeatures<Functions[number]>>>
    : Readonly<Record<string, unknown>>;

/** Columns of the spine that the keys of a view's joins are made of, each with a value of its type. */
export type Entry<V> =
  V extends FeatureView<infer Spine, infer Joins>
    ? string extends keyof Spine
      ? Readonly<Record<string, unknown>>
      : { readonly [Name in Joins[number]['entryKeys'][number] & keyof Spine]: InputOf<NonNull<Spine[Name]>> }
    : Readonly<Record<string, unknown>>;

type ParametersOf<F, Names> =
  F extends OnDemand<string, infer Inputs>
    ? { readonly [Name in Exclude<RequiredNames<Inputs>, Names>]: InputOf<ValueOf<Inputs[Name]>> } & {
        readonly [Name in Exclude<keyof Inputs, RequiredNames<Inputs> | Names>]?: InputOf<ValueOf<Inputs[Name]>> | null;
      }
    : never;

/** Inputs of a view's functions that are no features of it; those that may be null may be left out. */
export type RequestParameters<V> =
  V extends FeatureView<infer Spine, infer Joins, infer Functions>
    ? string extends keyof Spine
      ? Readonly<Record<string, unknown>>
      : Flat<All<ParametersOf<Functions[number], OutputNames<Joins, Functions>>>>
    : Readonly<Record<string, unknown>>;

/** Rows of a view's spine. */
export type SpineRow<V> = V extends FeatureView<infer Spine> ? RowInput<Spine> : Readonly<Record<string, unknown>>;

/** An argument that may be left out where a view's functions need no request parameter. */
export type OptionalArgument<V, Argument> =
  Readonly<Record<never, never>> extends RequestParameters<V> ? readonly [options?: Argument] : readonly [options: Argument];

/** `Options` with the request parameters of a view, which must be there where a function needs one. */
export type WithParameters<V, Options, Given> =
  Readonly<Record<never, never>> extends RequestParameters<V>
    ? Options & { readonly requestParameters?: Given }
    : Options & { readonly requestParameters: Given };
