/** Feature groups as code. What is built is plain data: the JSON form plus the schema's TypeScript types. */
import type { Json } from '../core/json.ts';
import { schemaJson, type Schema } from './column-builder.ts';
import type { TableProfile, ValidationPolicy } from './definition.ts';
import type { Expectation } from './define-expectation.ts';

export interface FeatureGroupInput<S extends Schema = Schema, Key extends keyof S & string = keyof S & string> {
  readonly name: string;
  /** Absent: the next one. */
  readonly version?: number;
  readonly description?: string;
  readonly schema: S;
  readonly primaryKey: readonly Key[];
  readonly eventTime?: keyof S & string;
  readonly onlineEnabled?: boolean;
  readonly ttl?: string;
  readonly availabilityDelay?: string;
  readonly partitionBy?: readonly (keyof S & string)[];
  readonly clusterBy?: readonly (keyof S & string)[];
  readonly expectations?: readonly Expectation[];
  readonly validationPolicy?: ValidationPolicy;
  readonly profile?: TableProfile;
  readonly statistics?: boolean;
  readonly changeFeed?: boolean;
  readonly onlineShards?: number;
  readonly eraseSchedule?: string;
  /** Null = rows may come from any future. */
  readonly maxFutureSkew?: string | null;
  readonly retention?: string;
  readonly deletedRetention?: string;
  readonly idempotencyRetention?: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly owner?: string;
}

/** Schema and key stay in the type: rows, joins and entries are checked against them. */
export interface FeatureGroup<S extends Schema = Schema, Key extends string = string> {
  readonly kind: 'featureGroup';
  readonly name: string;
  readonly version: number | null;
  readonly schema: S;
  readonly primaryKey: readonly Key[];
  /** What `parseFeatureGroup` takes. */
  readonly json: Readonly<Record<string, Json>>;
}

/** Checks nothing but types: `plan` lists every fault of the definition. */
export function featureGroup<const S extends Schema, const Key extends keyof S & string>(input: FeatureGroupInput<S, Key>): FeatureGroup<S, Key> {
  const { schema, expectations, ...rest } = input;
  const settings: Record<string, Json> = {};
  for (const [name, value] of Object.entries(rest)) if (value !== undefined) settings[name] = value;
  const json = {
    ...settings,
    schema: schemaJson(schema),
    ...(expectations === undefined ? {} : { expectations: expectations.map(({ expectationType, kwargs }) => ({ expectationType, kwargs })) }),
  };
  return { kind: 'featureGroup', name: input.name, version: input.version ?? null, schema, primaryKey: input.primaryKey, json };
}
