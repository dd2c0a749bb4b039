/**
 * Which tables we may read and write (PROTOCOL.md, "Protocol Evolution", "Table Features").
 *
 * A feature we don't honour is refused by its name before anything is read or written. A feature that is merely listed
 * and not in use (a constraint nobody added) does not stop a write.
 */
import { LakefoldError } from '../../core/errors.ts';
import { isJsonObject, parseJson, type Json } from '../../core/json.ts';
import type { ColumnType } from '../../core/types.ts';
import type { Metadata, Protocol } from './actions.ts';
import { constraintsOf } from '../sql/constraints.ts';

export type WriteProfile = 'merge-on-read' | 'compatible';

const READABLE = new Set(['deletionVectors', 'columnMapping', 'timestampNtz', 'typeWidening', 'typeWidening-preview', 'v2Checkpoint', 'vacuumProtocolCheck']);

/** What the numbered writer versions below 7 stand for. */
const LEGACY_WRITER: readonly (readonly [version: number, features: readonly string[]])[] = [
  [2, ['appendOnly', 'invariants']],
  [3, ['checkConstraints']],
  [4, ['changeDataFeed', 'generatedColumns']],
  [5, ['columnMapping']],
  [6, ['identityColumns']],
];

type InUse = (metadata: Metadata) => boolean;

const never: InUse = () => false;
const whereFieldHas =
  (prefix: string): InUse =>
  ({ schemaString }) =>
    schemaString.includes(`"${prefix}`) && someFieldHas(parseJson(schemaString), prefix);

// An invariant on a column of its own is one we check; of fields inside, nobody says what their names mean.
const whereNestedFieldHas =
  (prefix: string): InUse =>
  ({ schemaString }) => {
    if (!schemaString.includes(`"${prefix}`)) return false;
    const schema = parseJson(schemaString);
    const fields = isJsonObject(schema) ? schema['fields'] : undefined;
    return Array.isArray(fields) && fields.some((field: Json) => isJsonObject(field) && someFieldHas(field['type'], prefix));
  };

/** Features a writer may meet, and when their use stops us; those not listed stop us always. */
const WRITABLE: ReadonlyMap<string, InUse> = new Map([
  ['appendOnly', never],
  // What they demand is checked row by row; what can't be is refused by `constraintsOf`.
  ['invariants', whereNestedFieldHas('delta.invariants')],
  ['deletionVectors', never],
  ['timestampNtz', never],
  ['v2Checkpoint', never],
  ['domainMetadata', never],
  ['checkConstraints', never],
  ['changeDataFeed', never],
  ['generatedColumns', whereFieldHas('delta.generationExpression')],
  ['identityColumns', whereFieldHas('delta.identity.')],
  ['columnMapping', never],
  ['inCommitTimestamp', never],
  // Asks that whoever vacuums may write, and we ask that always.
  ['vacuumProtocolCheck', never],
]);

/** @throws LakefoldError INVALID_PROTOCOL when it contradicts itself, UNSUPPORTED_TABLE_FEATURE naming the first feature we can't read */
export function checkReadable(protocol: Protocol, metadata?: Metadata): void {
  checkSane(protocol);
  for (const feature of readerFeaturesOf(protocol)) if (!READABLE.has(feature)) throw unsupported(feature, 'read', protocol);
  const mode = metadata?.configuration['delta.columnMapping.mode'] ?? 'none';
  if (mode !== 'none' && mode !== 'name' && mode !== 'id') throw unsupported(`columnMapping mode ${mode}`, 'read', protocol);
}

/** @throws LakefoldError as `checkReadable`, for writing: the table's data, its deletion vectors and its checkpoints */
export function checkWritable(protocol: Protocol, metadata: Metadata): void {
  checkReadable(protocol, metadata);
  for (const feature of writerFeaturesOf(protocol)) {
    const inUse = WRITABLE.get(feature);
    if (inUse === undefined || inUse(metadata)) throw unsupported(feature, 'write', protocol);
  }
  constraintsOf(metadata);
}

/** Whether the table may have V2 checkpoints. */
export function hasV2Checkpoints(protocol: Protocol): boolean {
  return readerFeaturesOf(protocol).includes('v2Checkpoint');
}

/**
 * The protocol of a new table: `merge-on-read` 3/7 with deletion vectors, `compatible` 1/2 where columns and properties allow
 * it. A property that needs a feature asks for it.
 */
export function protocolFor(
  profile: WriteProfile,
  options: { readonly columns?: readonly { readonly type: ColumnType }[]; readonly configuration?: Readonly<Record<string, string>> } = {},
): Protocol {
  const { columns = [], configuration = {} } = options;
  const readerFeatures = [
    ...(profile === 'merge-on-read' ? ['deletionVectors'] : []),
    ...(columns.some(({ type }) => holdsLocalTime(type)) ? ['timestampNtz'] : []),
    ...(columnMappingMode(configuration) === 'none' ? [] : ['columnMapping']),
    ...(configuration['delta.checkpointPolicy'] === 'v2' ? ['v2Checkpoint'] : []),
  ];
  const asked = Object.entries(PROPERTY_FEATURES).flatMap(([property, feature]) => (configuration[property]?.toLowerCase() === 'true' ? [feature] : []));
  const writerFeatures = [...asked, ...(hasConstraints({ configuration }) ? ['checkConstraints'] : [])];
  if (readerFeatures.length === 0 && writerFeatures.length === 0) return { kind: 'protocol', minReaderVersion: 1, minWriterVersion: 2 };
  const writers = { minWriterVersion: 7, writerFeatures: [...readerFeatures, 'appendOnly', 'invariants', ...writerFeatures] };
  if (readerFeatures.length === 0) return { kind: 'protocol', minReaderVersion: 1, ...writers };
  return { kind: 'protocol', minReaderVersion: 3, readerFeatures, ...writers };
}

/** Properties that are of no use without a writer feature. */
export const PROPERTY_FEATURES: Readonly<Record<string, 'changeDataFeed' | 'inCommitTimestamp'>> = {
  'delta.enableChangeDataFeed': 'changeDataFeed',
  'delta.enableInCommitTimestamps': 'inCommitTimestamp',
};

function hasConstraints({ configuration }: { readonly configuration: Readonly<Record<string, string>> }): boolean {
  return Object.keys(configuration).some((key) => key.startsWith('delta.constraints.'));
}

function columnMappingMode(configuration: Readonly<Record<string, string>>): string {
  return configuration['delta.columnMapping.mode'] ?? 'none';
}

/**
 * The protocol with one more feature, whatever it stood for before spelt out; the same where it has it already.
 * @throws LakefoldError INVALID_PROTOCOL
 */
export function withFeature(protocol: Protocol, feature: 'changeDataFeed' | 'inCommitTimestamp' | 'checkConstraints' | 'columnMapping'): Protocol {
  checkSane(protocol);
  const [readers, writers] = [readerFeaturesOf(protocol), writerFeaturesOf(protocol)];
  if (writers.includes(feature)) return protocol;
  const writerFeatures = [...writers, feature];
  const readerFeatures = feature === 'columnMapping' ? [...readers, feature] : readers;
  const more = protocol.more === undefined ? {} : { more: protocol.more };
  const { minReaderVersion } = protocol;
  if (readerFeatures.length === 0 && minReaderVersion < 3) return { kind: 'protocol', minReaderVersion, minWriterVersion: 7, writerFeatures, ...more };
  return { kind: 'protocol', minReaderVersion: 3, minWriterVersion: 7, readerFeatures, writerFeatures, ...more };
}

function checkSane(protocol: Protocol): void {
  const { minReaderVersion: reader, minWriterVersion: writer, readerFeatures, writerFeatures } = protocol;
  if (reader < 1 || reader > 3 || writer < 1 || writer > 7) throw invalid('a reader version of 1 to 3 and a writer version of 1 to 7', protocol);
  if (reader === 3 && (writer !== 7 || readerFeatures === undefined)) throw invalid('writer version 7 and reader features with reader version 3', protocol);
  if (writer === 7 && writerFeatures === undefined) throw invalid('writer features with writer version 7', protocol);
  if (reader < 3 && readerFeatures !== undefined && readerFeatures.length > 0) throw invalid('reader features only with reader version 3', protocol);
  if (writer < 7 && writerFeatures !== undefined && writerFeatures.length > 0) throw invalid('writer features only with writer version 7', protocol);
  const missing = (readerFeatures ?? []).find((feature) => !(writerFeatures ?? []).includes(feature));
  if (missing !== undefined) throw invalid(`reader feature ${missing} among the writer features`, protocol);
}

/** What readers must honour, legacy versions spelt out. */
export function readerFeaturesOf(protocol: Protocol): readonly string[] {
  if (protocol.minReaderVersion === 3) return protocol.readerFeatures ?? [];
  return protocol.minReaderVersion === 2 ? ['columnMapping'] : [];
}

/** What writers must honour, legacy versions spelt out. */
export function writerFeaturesOf(protocol: Protocol): readonly string[] {
  if (protocol.minWriterVersion === 7) return protocol.writerFeatures ?? [];
  return LEGACY_WRITER.flatMap(([version, features]) => (version <= protocol.minWriterVersion ? features : []));
}

function someFieldHas(schema: Json | undefined, prefix: string): boolean {
  if (Array.isArray(schema)) return schema.some((item: Json) => someFieldHas(item, prefix));
  if (!isJsonObject(schema)) return false;
  const { metadata } = schema;
  if (isJsonObject(metadata) && Object.keys(metadata).some((key) => key.startsWith(prefix))) return true;
  return Object.entries(schema).some(([key, value]) => key !== 'metadata' && someFieldHas(value, prefix));
}

function holdsLocalTime(type: ColumnType): boolean {
  switch (type.kind) {
    case 'timestampNtz':
      return true;
    case 'array':
      return holdsLocalTime(type.element);
    case 'map':
      return holdsLocalTime(type.key) || holdsLocalTime(type.value);
    case 'struct':
      return type.fields.some((field) => holdsLocalTime(field.type));
    default:
      return false;
  }
}

function unsupported(feature: string, to: 'read' | 'write', protocol: Protocol): LakefoldError {
  return new LakefoldError(
    'UNSUPPORTED_TABLE_FEATURE',
    `expected only features Lakefold can ${to}, found ${feature} in a table of protocol ${protocol.minReaderVersion}/${protocol.minWriterVersion}`,
    {
      context: { feature },
    },
  );
}

function invalid(expected: string, protocol: Protocol): LakefoldError {
  const { minReaderVersion, minWriterVersion, readerFeatures = null, writerFeatures = null } = protocol;
  return new LakefoldError(
    'INVALID_PROTOCOL',
    `expected ${expected}, found ${JSON.stringify({ minReaderVersion, minWriterVersion, readerFeatures, writerFeatures })}`,
    {
      context: { minReaderVersion, minWriterVersion },
    },
  );
}

/** Whether writers may mark rows deleted instead of writing files again. */
export function hasDeletionVectors(snapshot: { readonly protocol: Protocol; readonly metadata: Metadata }): boolean {
  return snapshot.metadata.configuration['delta.enableDeletionVectors'] === 'true' && (snapshot.protocol.writerFeatures ?? []).includes('deletionVectors');
}
