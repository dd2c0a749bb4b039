/** Feature views as code: joins whose feature names are checked against their group's schema, functions with typed inputs. */
import type { Json } from '../core/json.ts';
import { schemaJson, type ColumnBuilder, type Schema, type ValueOf, type ValuesOf } from './column-builder.ts';
import type { FeatureGroup } from './define-group.ts';
import type { Transform } from './define-transform.ts';
import type { OnDemandFunction } from './definition.ts';
import { sourceHashOf } from './source-hash.ts';

/** Nothing where every column of the key is joined on, else an object no `on` is: the compiler then names what is missing. */
type CoversKey<Key extends string, On> = [Exclude<Key, On[keyof On]>] extends [never]
  ? unknown
  : { readonly [Missing in Exclude<Key, On[keyof On]> as `no column is joined on ${Missing}`]: never };

export interface JoinOptions<
  S extends Schema,
  Features extends readonly (keyof S & string)[],
  Prefix extends string,
  Key extends string = string,
  On = Readonly<Record<string, string>>,
  Via extends string = string,
> {
  readonly name?: string;
  /** Spine column → primary-key column of the group, all of them; same names when absent. */
  readonly on?: On & CoversKey<Key, On>;
  readonly features: Features;
  readonly prefix?: Prefix;
  readonly lookback?: string;
  readonly availabilityDelay?: string;
  readonly boundary?: 'inclusive' | 'exclusive';
  readonly temporal?: boolean;
  readonly filter?: Json;
  readonly defaults?: { readonly [Name in Features[number]]?: Json };
  /** The feature another join fetches, which is part of this one's key. */
  readonly via?: { readonly join: string; readonly feature: Via };
}

/** The group's schema, the names picked, the prefix and the key stay in the type: a vector's and an entry's type can be read off them. */
export interface Join<
  S extends Schema = Schema,
  Features extends readonly string[] = readonly string[],
  Prefix extends string = string,
  EntryKey extends string = string,
> {
  readonly kind: 'join';
  readonly group: FeatureGroup<S>;
  readonly features: Features;
  readonly prefix: Prefix;
  /** Columns of the spine that its key is made of; one that another join fetches is not the caller's to bring. */
  readonly entryKeys: readonly EntryKey[];
  readonly json: Readonly<Record<string, Json>>;
}

export function join<
  S extends Schema,
  Key extends string,
  const Features extends readonly (keyof S & string)[],
  const Prefix extends string = '',
  const On extends Readonly<Record<string, Key>> = { readonly [Name in Key]: Name },
  const Via extends string = never,
>(group: FeatureGroup<S, Key>, options: JoinOptions<S, Features, Prefix, Key, On, Via>): Join<S, Features, Prefix, Exclude<keyof On & string, Via>> {
  const json: Record<string, Json> = { featureGroup: group.name, ...(group.version === null ? {} : { version: group.version }) };
  for (const [name, value] of Object.entries(options)) if (value !== undefined && isJsonLike(value)) json[name] = value;
  const keys: readonly string[] = options.on === undefined ? group.primaryKey : Object.keys(options.on);
  const isEntryKey = (name: string): name is Exclude<keyof On & string, Via> => name !== options.via?.feature;
  // Without a prefix `Prefix` is inferred as ''.
  return { kind: 'join', group, features: options.features, prefix: options.prefix ?? ('' as Prefix), entryKeys: keys.filter(isEntryKey), json };
}

function isJsonLike(value: unknown): value is Json {
  return typeof value !== 'function' && typeof value !== 'symbol' && value !== undefined;
}

export interface OnDemandInput<Name extends string, Inputs extends Schema, Returns extends ColumnBuilder> {
  readonly name: Name;
  readonly inputs: Inputs;
  readonly returns: Returns;
  /** Pure: no clock, randomness or I/O; `at` is the label time or the time of the request (S9). */
  readonly compute: (inputs: ValuesOf<Inputs>, context: { readonly at: string }) => ValueOf<Returns>;
}

export interface OnDemand<Name extends string = string, Inputs extends Schema = Schema, Returns extends ColumnBuilder = ColumnBuilder> {
  readonly kind: 'onDemand';
  readonly name: Name;
  readonly inputs: Inputs;
  readonly returns: Returns;
  readonly sourceHash: string;
  readonly compute: OnDemandFunction;
  readonly json: Readonly<Record<string, Json>>;
}

export function onDemand<const Name extends string, const Inputs extends Schema, Returns extends ColumnBuilder>(
  input: OnDemandInput<Name, Inputs, Returns>,
): OnDemand<Name, Inputs, Returns> {
  const { name, inputs, returns } = input;
  const sourceHash = sourceHashOf(input.compute);
  const json = {
    name,
    sourceHash,
    returns: { type: returns.type, nullable: returns.isNullable },
    inputs: Object.entries(inputs).map(([inputName, { type, isNullable }]) => ({ name: inputName, type, nullable: isNullable })),
  };
  // The caller gathers the inputs by the definition made here, so they are of the declared types.
  const compute: OnDemandFunction = (values, context) => input.compute(values as ValuesOf<Inputs>, context);
  return { kind: 'onDemand', name, inputs, returns, sourceHash, compute, json };
}

/** Features of a view by output name: those of its joins, then its functions. */
export type OutputNames<Joins extends readonly Join[], Functions extends readonly OnDemand[]> =
  | (Joins[number] extends infer J ? (J extends Join<Schema, infer Features, infer Prefix> ? `${Prefix}${Features[number]}` : never) : never)
  | Functions[number]['name'];

export interface FeatureViewInput<
  Spine extends Schema = Schema,
  Joins extends readonly Join[] = readonly Join[],
  Functions extends readonly OnDemand[] = readonly OnDemand[],
> {
  readonly name: string;
  /** Absent: the next one. */
  readonly version?: number;
  readonly description?: string;
  readonly spine: Spine;
  readonly labelTime?: keyof Spine & string;
  readonly labels?: readonly (keyof Spine & string)[];
  readonly root?: { readonly name: string; readonly version: number };
  readonly joins: Joins;
  readonly onDemand?: Functions;
  readonly transforms?: { readonly [Name in OutputNames<Joins, Functions>]?: Transform };
  readonly inferenceHelpers?: readonly string[];
  readonly trainingHelpers?: readonly string[];
  readonly logging?: { readonly sample: number };
  readonly tags?: Readonly<Record<string, string>>;
  readonly owner?: string;
}

export interface FeatureView<
  Spine extends Schema = Schema,
  Joins extends readonly Join[] = readonly Join[],
  Functions extends readonly OnDemand[] = readonly OnDemand[],
> {
  readonly kind: 'featureView';
  readonly name: string;
  readonly version: number | null;
  readonly spine: Spine;
  readonly joins: Joins;
  readonly onDemand: Functions | readonly [];
  readonly transforms: Readonly<Record<string, Transform>>;
  /** What `parseFeatureView` takes. */
  readonly json: Readonly<Record<string, Json>>;
}

/** Checks nothing but types: `plan` lists every fault of the definition. */
export function featureView<const Spine extends Schema, const Joins extends readonly Join[], const Functions extends readonly OnDemand[] = readonly []>(
  input: FeatureViewInput<Spine, Joins, Functions>,
): FeatureView<Spine, Joins, Functions> {
  const { spine, joins, onDemand: functions, transforms: named, ...rest } = input;
  const transforms =
    named === undefined
      ? undefined
      : Object.fromEntries(Object.entries<Transform | undefined>(named).flatMap(([name, item]) => (item === undefined ? [] : [[name, item]])));
  const json: Record<string, Json> = {};
  for (const [name, value] of Object.entries(rest)) if (value !== undefined) json[name] = value;
  json['spine'] = schemaJson(spine);
  json['joins'] = joins.map((item) => item.json);
  if (functions !== undefined) json['onDemand'] = functions.map((item) => item.json);
  if (transforms !== undefined) json['transforms'] = Object.fromEntries(Object.entries(transforms).map(([name, { definition }]) => [name, { ...definition }]));
  return { kind: 'featureView', name: input.name, version: input.version ?? null, spine, joins, onDemand: functions ?? [], transforms: transforms ?? {}, json };
}
