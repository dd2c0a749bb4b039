import { describe, expect, it } from 'vitest';
import { parseType } from '../../../lib/core/types.ts';
import type { Metadata, Protocol } from '../../../lib/delta/actions/actions.ts';
import { checkReadable, checkWritable, protocolFor, withFeature } from '../../../lib/delta/actions/protocol.ts';
import { METADATA } from '../log-support.ts';

const legacy = (minReaderVersion: number, minWriterVersion: number): Protocol => ({ kind: 'protocol', minReaderVersion, minWriterVersion });
const features = (readerFeatures: readonly string[], writerOnly: readonly string[] = []): Protocol => ({
  kind: 'protocol',
  minReaderVersion: 3,
  minWriterVersion: 7,
  readerFeatures,
  writerFeatures: [...readerFeatures, ...writerOnly],
});
const configured = (configuration: Record<string, string>): Metadata => ({ ...METADATA, configuration });
const refusal = (feature: string): unknown => expect.objectContaining({ code: 'UNSUPPORTED_TABLE_FEATURE', context: { feature } });

describe('new tables', () => {
  it('have the protocol of their profile', () => {
    expect([protocolFor('merge-on-read', {}), protocolFor('compatible')]).toEqual([
      {
        kind: 'protocol',
        minReaderVersion: 3,
        minWriterVersion: 7,
        readerFeatures: ['deletionVectors'],
        writerFeatures: ['deletionVectors', 'appendOnly', 'invariants'],
      },
      legacy(1, 2),
    ]);
  });

  it('ask for timestampNtz only where a column has it, however deep', () => {
    const columns = [{ type: parseType('array<struct<a:timestampNtz>>') }];
    expect([
      protocolFor('compatible', { columns }),
      protocolFor('merge-on-read', { columns }),
      protocolFor('compatible', { columns: [{ type: parseType('timestamp') }] }),
    ]).toEqual([
      features(['timestampNtz'], ['appendOnly', 'invariants']),
      features(['deletionVectors', 'timestampNtz'], ['appendOnly', 'invariants']),
      legacy(1, 2),
    ]);
  });
});

describe('reading', () => {
  it('takes every feature it honours, and any writer-only feature', () => {
    checkReadable(
      features(
        ['deletionVectors', 'columnMapping', 'timestampNtz', 'typeWidening', 'typeWidening-preview', 'v2Checkpoint', 'vacuumProtocolCheck'],
        ['rowTracking', 'anything'],
      ),
    );
    for (const protocol of [legacy(1, 1), legacy(1, 6), legacy(2, 5), features([])]) checkReadable(protocol, METADATA);
  });

  it.each(['variantType', 'catalogManaged', 'madeUpFeature'])('refuses %s by name', (feature) => {
    expect(() => {
      checkReadable(features(['deletionVectors', feature]));
    }).toThrow(refusal(feature));
  });

  it('refuses a column-mapping mode nobody knows', () => {
    expect(() => {
      checkReadable(legacy(2, 5), configured({ 'delta.columnMapping.mode': 'telepathy' }));
    }).toThrow(refusal('columnMapping mode telepathy'));
  });

  it.each([
    legacy(99, 7),
    legacy(0, 2),
    legacy(1, 8),
    legacy(3, 7),
    legacy(1, 7),
    { ...legacy(3, 5), readerFeatures: [] },
    { ...legacy(1, 2), readerFeatures: ['deletionVectors'] },
    { ...legacy(1, 2), writerFeatures: ['appendOnly'] },
    { ...legacy(3, 7), readerFeatures: ['deletionVectors'], writerFeatures: [] },
  ])('calls %j invalid', (protocol) => {
    expect(() => {
      checkReadable(protocol);
    }).toThrow(expect.objectContaining({ code: 'INVALID_PROTOCOL' }));
  });
});

describe('features beyond the profile', () => {
  it('are those that properties ask for', () => {
    const all = {
      'delta.enableChangeDataFeed': 'true',
      'delta.enableInCommitTimestamps': 'true',
      'delta.constraints.positive': 'v > 0',
      'delta.columnMapping.mode': 'name',
      'delta.appendOnly': 'true',
    };
    expect(protocolFor('compatible', { configuration: { 'delta.enableChangeDataFeed': 'true' } })).toEqual({
      kind: 'protocol',
      minReaderVersion: 1,
      minWriterVersion: 7,
      writerFeatures: ['appendOnly', 'invariants', 'changeDataFeed'],
    });
    expect(protocolFor('merge-on-read', { configuration: all })).toEqual(
      features(['deletionVectors', 'columnMapping'], ['appendOnly', 'invariants', 'changeDataFeed', 'inCommitTimestamp', 'checkConstraints']),
    );
    expect(protocolFor('compatible', { configuration: { 'delta.enableChangeDataFeed': 'false', 'delta.columnMapping.mode': 'none' } })).toEqual(legacy(1, 2));
  });

  it('are added with what a legacy version stood for spelt out', () => {
    expect(withFeature(legacy(1, 2), 'checkConstraints')).toEqual({
      kind: 'protocol',
      minReaderVersion: 1,
      minWriterVersion: 7,
      writerFeatures: ['appendOnly', 'invariants', 'checkConstraints'],
    });
    expect(withFeature(legacy(2, 5), 'inCommitTimestamp')).toEqual({
      kind: 'protocol',
      minReaderVersion: 3,
      minWriterVersion: 7,
      readerFeatures: ['columnMapping'],
      writerFeatures: ['appendOnly', 'invariants', 'checkConstraints', 'changeDataFeed', 'generatedColumns', 'columnMapping', 'inCommitTimestamp'],
    });
    const empty = { kind: 'protocol', minReaderVersion: 3, minWriterVersion: 7, readerFeatures: [], writerFeatures: ['appendOnly'] } as const;
    expect(withFeature(empty, 'changeDataFeed')).toEqual({ ...empty, writerFeatures: ['appendOnly', 'changeDataFeed'] });
    expect(withFeature(legacy(1, 3), 'checkConstraints')).toEqual(legacy(1, 3));
  });
});

describe('writing', () => {
  it('takes what our own tables have, and features that are listed and not in use', () => {
    const v2 = protocolFor('compatible', { configuration: { 'delta.checkpointPolicy': 'v2' } });
    for (const protocol of [protocolFor('merge-on-read'), protocolFor('compatible'), v2, legacy(1, 6), legacy(2, 6)]) checkWritable(protocol, METADATA);
    checkWritable(
      features(['deletionVectors', 'columnMapping', 'timestampNtz'], ['changeDataFeed', 'checkConstraints', 'inCommitTimestamp', 'domainMetadata']),
      configured({ 'delta.columnMapping.mode': 'none', 'delta.enableChangeDataFeed': 'false' }),
    );
  });

  it.each(['rowTracking', 'clustering', 'icebergCompatV1', 'allowColumnDefaults', 'madeUpFeature'])('refuses %s by name', (feature) => {
    expect(() => {
      checkWritable(features([], [feature]), METADATA);
    }).toThrow(refusal(feature));
  });

  it.each(['typeWidening', 'typeWidening-preview'])('refuses %s, which it can only read', (feature) => {
    expect(() => {
      checkWritable(features([feature]), METADATA);
    }).toThrow(refusal(feature));
  });

  // Every feature the protocol names: whether a table that merely lists it is read, and written. Reader features come first.
  it.each<[string, 'reader' | 'writer', boolean, boolean]>([
    ['columnMapping', 'reader', true, true],
    ['deletionVectors', 'reader', true, true],
    ['timestampNtz', 'reader', true, true],
    ['v2Checkpoint', 'reader', true, true],
    ['vacuumProtocolCheck', 'reader', true, true],
    ['typeWidening', 'reader', true, false],
    ['typeWidening-preview', 'reader', true, false],
    ['variantType', 'reader', false, false],
    ['variantType-preview', 'reader', false, false],
    ['variantShredding', 'reader', false, false],
    ['variantShredding-preview', 'reader', false, false],
    ['catalogManaged', 'reader', false, false],
    ['catalogOwned-preview', 'reader', false, false],
    ['geospatial', 'reader', false, false],
    ['appendOnly', 'writer', true, true],
    ['invariants', 'writer', true, true],
    ['checkConstraints', 'writer', true, true],
    ['changeDataFeed', 'writer', true, true],
    ['generatedColumns', 'writer', true, true],
    ['identityColumns', 'writer', true, true],
    ['inCommitTimestamp', 'writer', true, true],
    ['domainMetadata', 'writer', true, true],
    ['allowColumnDefaults', 'writer', true, false],
    ['rowTracking', 'writer', true, false],
    ['clustering', 'writer', true, false],
    ['icebergCompatV1', 'writer', true, false],
    ['icebergCompatV2', 'writer', true, false],
    ['icebergCompatV3', 'writer', true, false],
    ['checkpointProtection', 'writer', true, false],
    ['materializePartitionColumns', 'writer', true, false],
    ['collations-preview', 'writer', true, false],
  ])('a table that lists %s (%s feature) is read: %s, written: %s', (feature, kind, read, write) => {
    const protocol = kind === 'reader' ? features([feature]) : features([], [feature]);
    const outcome = (check: () => void): unknown => {
      try {
        check();
        return true;
      } catch (error) {
        return error;
      }
    };
    const expected = (allowed: boolean): unknown => (allowed ? true : refusal(feature));
    expect(outcome(() => checkReadable(protocol))).toEqual(expected(read));
    expect(outcome(() => checkWritable(protocol, METADATA))).toEqual(expected(write));
  });

  it('refuses a constraint it cannot check, by name', () => {
    expect(() => {
      checkWritable(legacy(1, 3), configured({ 'delta.constraints.rule': 'length(v) > 0' }));
    }).toThrow(
      expect.objectContaining({ code: 'UNSUPPORTED_TABLE_FEATURE', context: { feature: 'checkConstraints', constraint: 'rule', expression: 'length(v) > 0' } }),
    );
  });

  it.each([
    [legacy(1, 2), 'delta.invariants', 'invariants'],
    [legacy(1, 4), 'delta.generationExpression', 'generatedColumns'],
    [legacy(1, 6), 'delta.identity.start', 'identityColumns'],
  ])('refuses %j where a nested field has %s', (protocol, key, feature) => {
    const schemaString = JSON.stringify({
      type: 'struct',
      fields: [
        { name: 's', type: { type: 'struct', fields: [{ name: 'a', type: 'long', nullable: true, metadata: { [key]: 'x' } }] }, nullable: true, metadata: {} },
      ],
    });
    expect(() => {
      checkWritable(protocol, { ...METADATA, schemaString });
    }).toThrow(refusal(feature));
    checkWritable(protocol, { ...METADATA, schemaString: schemaString.replace(`"${key}":"x"`, `"comment":"${key}"`) });
  });
});
