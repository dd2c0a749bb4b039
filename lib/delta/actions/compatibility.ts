/** Which engines can read and write a table, and why not (delta.md, "Writes"). Pure: protocol and metadata say it all. */
import type { Metadata, Protocol } from './actions.ts';
import { type EngineFeatures, ENGINES } from './engine-features.ts';
import { readerFeaturesOf, writerFeaturesOf } from './protocol.ts';

export interface EngineCompatibility {
  readonly name: string;
  /** The release, or the state of its documentation, that was looked at. */
  readonly since: string;
  readonly read: boolean;
  readonly write: boolean;
  /** Why not, and what to know before letting it near the table. */
  readonly reasons: readonly string[];
}

/** One line an engine, in a fixed order. */
export function compatibilityOf(table: { readonly protocol: Protocol; readonly metadata: Metadata }): readonly EngineCompatibility[] {
  return ENGINES.map((engine) => judgeEngine(engine, table));
}

function judgeEngine(engine: EngineFeatures, { protocol, metadata }: { readonly protocol: Protocol; readonly metadata: Metadata }): EngineCompatibility {
  const readers = readerFeaturesOf(protocol);
  const writers = writerFeaturesOf(protocol);
  const isPartitioned = metadata.partitionColumns.length > 0;
  const unread = missingFrom(engine.reads, readers);
  const wrong = (engine.wrong ?? []).filter(
    ({ features, partitioned }) => features.every((feature) => readers.includes(feature)) && (!partitioned || isPartitioned),
  );
  const unwritten = engine.writes === undefined ? [] : missingFrom(engine.writes, writers);
  const read = unread.length === 0 && wrong.length === 0;
  const write = read && engine.writes !== undefined && unwritten.length === 0;
  return {
    name: engine.name,
    since: engine.since,
    read,
    write,
    reasons: [
      ...(unread.length === 0 ? [] : [`it can't read ${unread.join(', ')}`]),
      ...wrong.map(({ reason }) => reason),
      ...(engine.writes === undefined ? ['it writes no Delta tables'] : []),
      ...(unwritten.length === 0 ? [] : [`it can't write ${unwritten.join(', ')}`]),
      ...(write && engine.insertsOnly === true ? ['all it writes is new rows'] : []),
      ...(isPartitioned && engine.partitionWarning?.features.every((feature) => readers.includes(feature)) === true ? [engine.partitionWarning.reason] : []),
      ...(engine.vacuumWarning !== undefined && readers.includes('deletionVectors') ? [engine.vacuumWarning] : []),
    ],
  };
}

function missingFrom(known: 'all' | ReadonlySet<string>, features: readonly string[]): readonly string[] {
  return known === 'all' ? [] : features.filter((feature) => !known.has(feature));
}
