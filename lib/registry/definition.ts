/**
 * Definitions in their canonical JSON form (api.md, "JSON form of definitions"; shapes.md), defaults filled in.
 * What the registry stores, what `describe` answers, what every layer above reads.
 */
import type { Json } from '../core/json.ts';

/** A column of a feature group or a spine as definitions spell it. */
export interface ColumnDefinition {
  readonly name: string;
  /** `parseType` reads it. */
  readonly type: string;
  readonly nullable: boolean;
  readonly default?: Json;
  /** For timestamp columns that accept epoch numbers. */
  readonly unit?: 's' | 'ms' | 'us';
  readonly description?: string;
}

export interface ExpectationDefinition {
  readonly expectationType: string;
  readonly kwargs: Readonly<Record<string, Json>>;
}

export type ValidationPolicy = 'STRICT' | 'ALWAYS' | 'QUARANTINE';
export type TableProfile = 'merge-on-read' | 'compatible';

export interface FeatureGroupDefinition {
  readonly name: string;
  readonly version: number;
  readonly description: string | null;
  readonly schema: readonly ColumnDefinition[];
  readonly primaryKey: readonly string[];
  readonly eventTime: string | null;
  readonly onlineEnabled: boolean;
  readonly ttl: string | null;
  readonly availabilityDelay: string | null;
  readonly partitionBy: readonly string[];
  readonly clusterBy: readonly string[];
  readonly expectations: readonly ExpectationDefinition[];
  readonly validationPolicy: ValidationPolicy;
  readonly profile: TableProfile;
  readonly statistics: boolean;
  readonly changeFeed: boolean;
  readonly onlineShards: number;
  readonly eraseSchedule: string | null;
  /** ISO duration, or null = not checked (U12). */
  readonly maxFutureSkew: string | null;
  readonly retention: string;
  readonly deletedRetention: string;
  readonly idempotencyRetention: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly owner: string | null;
}

export interface JoinDefinition {
  readonly name: string;
  readonly featureGroup: string;
  readonly version: number;
  /** Spine column → primary-key column of the group. */
  readonly on: Readonly<Record<string, string>>;
  readonly features: readonly string[];
  readonly prefix: string;
  readonly lookback: string | null;
  readonly availabilityDelay: string | null;
  readonly boundary: 'inclusive' | 'exclusive';
  readonly temporal: boolean;
  readonly filter: Json;
  readonly defaults: Readonly<Record<string, Json>>;
  readonly via: { readonly join: string; readonly feature: string } | null;
}

export interface FunctionInput {
  readonly name: string;
  readonly type: string;
  readonly nullable: boolean;
}

export interface OnDemandDefinition {
  readonly name: string;
  readonly inputs: readonly FunctionInput[];
  readonly returns: { readonly type: string; readonly nullable: boolean };
  readonly sourceHash: string;
}

export interface TransformDefinition {
  readonly function: string;
  readonly arguments: Readonly<Record<string, Json>>;
  readonly sourceHash?: string;
}

export interface FeatureViewDefinition {
  readonly name: string;
  readonly version: number;
  readonly description: string | null;
  readonly spine: readonly ColumnDefinition[];
  readonly labelTime: string | null;
  readonly labels: readonly string[];
  readonly root: { readonly name: string; readonly version: number } | null;
  readonly joins: readonly JoinDefinition[];
  readonly onDemand: readonly OnDemandDefinition[];
  readonly transforms: Readonly<Record<string, TransformDefinition>>;
  readonly inferenceHelpers: readonly string[];
  readonly trainingHelpers: readonly string[];
  readonly logging: { readonly sample: number };
  readonly tags: Readonly<Record<string, string>>;
  readonly owner: string | null;
}

export type DefinitionStatus = 'ACTIVE' | 'DEPRECATED' | 'DELETED';

/** A schema this group's online payloads were written with (storage.md §3): name, type, nullable; features only. */
export interface PayloadSchema {
  /** 16 hex digits. */
  readonly fingerprint: string;
  readonly columns: readonly (readonly [name: string, type: string, nullable: boolean])[];
}

/** A load generation besides the current one (semantics U11): being loaded, given up, or replaced and not cleared yet. */
export interface OtherGeneration {
  readonly generation: number;
  readonly shards: number;
  /** RFC 3339 UTC: when it was allotted, or when it was replaced. */
  readonly since: string;
}

export interface FeatureGroupState {
  readonly definition: FeatureGroupDefinition;
  readonly createdAt: string;
  readonly updatedAt: string;
  /** Registry revision that last changed it; its ETag is `"r<revision>"`. */
  readonly revision: number;
  readonly status: DefinitionStatus;
  /** Relative to the project: `feature-groups/<name>/<version>`. */
  readonly path: string;
  /** `metaData.id` of its table. */
  readonly tableId: string;
  readonly generation: number;
  readonly onlineShards: number;
  readonly schemas: readonly PayloadSchema[];
  /** Revision since which the current generation lacks something that only a new one has; absent = nothing. */
  readonly loadWantedSince?: number;
  /** Absent = none. A number is never allotted twice. */
  readonly otherGenerations?: readonly OtherGeneration[];
}

export interface FeatureViewState {
  readonly definition: FeatureViewDefinition;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly revision: number;
  readonly status: DefinitionStatus;
  readonly functions: readonly { readonly name: string; readonly sha256: string }[];
}

/** A project's definitions as one registry revision holds them. */
export interface RegistryState {
  readonly project: { readonly description: string | null; readonly createdAt: string };
  readonly featureGroups: readonly FeatureGroupState[];
  readonly featureViews: readonly FeatureViewState[];
  readonly grants: readonly Json[];
  /** Registry revision that last changed the grants; absent where none did. */
  readonly grantsRevision?: number;
  readonly highestVersions: Readonly<Record<string, number>>;
}

/** The function behind an on-demand definition, from the definitions module. Pure: no clock, randomness or I/O. */
export type OnDemandFunction = (inputs: Readonly<Record<string, unknown>>, context: { readonly at: string }) => unknown;
