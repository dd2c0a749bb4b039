import { describe, expect, it } from 'vitest';
import { decodeUtf8, fromBase64, utf8 } from '../../lib/core/bytes.ts';
import { applyPlan } from '../../lib/registry/apply-plan.ts';
import type { RegistryState } from '../../lib/registry/definition.ts';
import { parseFeatureGroup } from '../../lib/registry/parse-group.ts';
import { parseFeatureView } from '../../lib/registry/parse-view.ts';
import { fingerprintOf, payloadSchemaOf } from '../../lib/registry/payload-schema.ts';
import { planDefinitions } from '../../lib/registry/plan.ts';
import { decodeRegistryCopy, encodeRegistryCopy } from '../../lib/registry/registry-copy.ts';
import { decodeRevision, encodeRevision, registryPath, revisionOfPath, type Revision } from '../../lib/registry/revision.ts';
import { emptyState } from '../../lib/registry/state.ts';
import { tableLayout } from '../../lib/registry/table-layout.ts';
import { delays, delaysJson, modelJson, thrownBy } from '../registry/examples.ts';

const now = '2024-01-02T03:04:05.678Z';
const before = emptyState({ description: null, createdAt: now });
const plan = planDefinitions(before, {
  featureGroups: [parseFeatureGroup(delaysJson)],
  featureViews: [parseFeatureView({ ...modelJson, joins: modelJson.joins.slice(0, 1), transforms: {} })],
});
const { state, changes } = applyPlan(before, plan, { now, revision: 12, tableIds: new Map([['airport_delays/1', 'table-id']]) });
const revision: Revision = {
  revision: 12,
  txnId: 't-1',
  timestamp: now,
  committedBy: 'key:abc',
  engineInfo: 'lakefold/0.1.0',
  message: 'apply lakefold.config.ts',
  changes,
  state,
};

const DEFINITION =
  '{"name":"airport_delays","version":1,"description":"Trailing delays","schema":[{"name":"origin","type":"string","nullable":false},{"name":"hour","type":"timestamp","nullable":false},{"name":"flights_24h","type":"int","nullable":false},{"name":"mean_delay_24h","type":"double","nullable":true,"description":"minutes"}],"primaryKey":["origin"],"eventTime":"hour","onlineEnabled":true,"ttl":"P7D","availabilityDelay":"PT5M","partitionBy":[],"clusterBy":["origin","hour"],"expectations":[{"expectationType":"expect_column_values_to_be_between","kwargs":{"column":"flights_24h","min_value":0}}],"validationPolicy":"STRICT","profile":"merge-on-read","statistics":true,"changeFeed":false,"onlineShards":16,"eraseSchedule":null,"maxFutureSkew":"PT5M","retention":"P30D","deletedRetention":"P7D","idempotencyRetention":"P7D","tags":{"team":"ops"},"owner":"ops@example.com"}';
const VIEW =
  '{"name":"delay_model","version":1,"description":null,"spine":[{"name":"origin","type":"string","nullable":false},{"name":"dest","type":"string","nullable":false},{"name":"predicted_at","type":"timestamp","nullable":false},{"name":"distance","type":"int","nullable":false},{"name":"delayed","type":"boolean","nullable":true}],"labelTime":"predicted_at","labels":["delayed"],"root":null,"joins":[{"name":"dep","featureGroup":"airport_delays","version":1,"on":{"origin":"origin"},"features":["flights_24h","mean_delay_24h"],"prefix":"dep_","lookback":"P2D","availabilityDelay":null,"boundary":"inclusive","temporal":true,"filter":null,"defaults":{"flights_24h":0},"via":null}],"onDemand":[{"name":"is_long_haul","inputs":[{"name":"distance","type":"int","nullable":false}],"returns":{"type":"boolean","nullable":false},"sourceHash":"sha256:abababababababababababababababababababababababababababababababab"}],"transforms":{},"inferenceHelpers":[],"trainingHelpers":[],"logging":{"sample":0},"tags":{},"owner":null}';
const STATE = `{"project":{"description":null,"createdAt":"2024-01-02T03:04:05.678Z"},"featureGroups":[{"definition":${DEFINITION},"createdAt":"2024-01-02T03:04:05.678Z","updatedAt":"2024-01-02T03:04:05.678Z","revision":12,"status":"ACTIVE","path":"feature-groups/airport_delays/1","tableId":"table-id","generation":1,"onlineShards":16,"schemas":[{"fingerprint":"6ccd5a8a4394edb5","columns":[["flights_24h","int",false],["mean_delay_24h","double",true]]}]}],"featureViews":[{"definition":${VIEW},"createdAt":"2024-01-02T03:04:05.678Z","updatedAt":"2024-01-02T03:04:05.678Z","revision":12,"status":"ACTIVE","functions":[{"name":"is_long_haul","sha256":"abababababababababababababababababababababababababababababababab"}]}],"grants":[],"highestVersions":{"featureGroups/airport_delays":1,"featureViews/delay_model":1}}`;
const BYTES = `{"format":1,"revision":12,"txnId":"t-1","timestamp":"2024-01-02T03:04:05.678Z","committedBy":"key:abc","engineInfo":"lakefold/0.1.0","message":"apply lakefold.config.ts","changes":[{"op":"create","kind":"featureGroup","name":"airport_delays","version":1},{"op":"create","kind":"featureView","name":"delay_model","version":1}],"state":${STATE}}`;

describe('a registry revision, layout 1', () => {
  it('has these bytes', () => {
    expect(decodeUtf8(encodeRevision(revision))).toBe(BYTES);
  });

  it('reads these bytes', () => {
    expect(decodeRevision(utf8(BYTES), 'p')).toEqual(revision);
  });

  it('stands under its number in twenty digits', () => {
    expect(registryPath('demo', 12)).toBe('demo/_registry/00000000000000000012.json');
    expect(revisionOfPath('demo/_registry/00000000000000000012.json')).toBe(12);
    expect(revisionOfPath('demo/_registry/12.json')).toBeUndefined();
  });

  it('is refused when a later layout wrote it, and called corrupt when it is no revision', () => {
    expect(thrownBy(() => decodeRevision(utf8(BYTES.replace('"format":1', '"format":2')), 'p'))).toMatchObject({
      code: 'UNSUPPORTED_FORMAT',
      context: { format: 2, supported: 1 },
    });
    for (const text of [
      '',
      '{}',
      '[]',
      '{"format":1}',
      BYTES.replace('"state"', '"stat"'),
      BYTES.slice(0, -1),
      BYTES.replace('"schema":[', '"schema":7,"x":['),
    ]) {
      expect(thrownBy(() => decodeRevision(utf8(text), 'p'))).toMatchObject({ code: 'CORRUPT_STORE' });
    }
  });

  it('has at most 8 MiB', () => {
    const big: RegistryState = { ...state, grants: ['x'.repeat(8 * 1024 * 1024)] };
    expect(thrownBy(() => encodeRevision({ ...revision, state: big }))).toMatchObject({ code: 'LIMIT_EXCEEDED', context: { limit: 'REGISTRY_BYTES_MAX' } });
  });
});

describe('the schema of online payloads', () => {
  it('is named by the first eight bytes of the hash of its canonical JSON', () => {
    expect(fingerprintOf([])).toBe('4f53cda18c2baa0c');
    expect(payloadSchemaOf(delays)).toEqual({
      fingerprint: '6ccd5a8a4394edb5',
      columns: [
        ['flights_24h', 'int', false],
        ['mean_delay_24h', 'double', true],
      ],
    });
  });
});

describe('the table of a feature group', () => {
  it('has these columns and properties', () => {
    expect(tableLayout('demo', delays)).toEqual({
      columns: [
        { name: 'origin', type: { kind: 'string' }, nullable: false },
        { name: 'hour', type: { kind: 'timestamp' }, nullable: false },
        { name: 'flights_24h', type: { kind: 'int' }, nullable: false },
        { name: 'mean_delay_24h', type: { kind: 'double' }, nullable: true, description: 'minutes' },
        { name: '_ingested_at', type: { kind: 'timestamp' }, nullable: true },
      ],
      partitionColumns: [],
      description: 'Trailing delays',
      configuration: {
        'lakefold.format': '1',
        'lakefold.project': 'demo',
        'lakefold.featureGroup': 'airport_delays',
        'lakefold.version': '1',
        'lakefold.primaryKey': '["origin"]',
        'lakefold.eventTime': 'hour',
        'lakefold.clusterBy': '["origin","hour"]',
        'lakefold.definition': '75e956080955446528b8b32465758d550146e8e8651376c4cd55fdcfe3ed5ba5',
        'delta.enableDeletionVectors': 'true',
        'delta.dataSkippingStatsColumns': 'origin,hour,_ingested_at',
        'delta.logRetentionDuration': 'interval 30 days',
        'delta.deletedFileRetentionDuration': 'interval 30 days',
        'delta.checkpointInterval': '10',
      },
    });
  });

  it('puts keys in the order of the primary key, then the event time, wherever they stand in the definition', () => {
    const definition = {
      ...parseFeatureGroup({
        name: 'g',
        primaryKey: ['b', 'a'],
        eventTime: 't',
        retention: 'PT180H',
        profile: 'compatible',
        changeFeed: true,
        schema: [
          { name: 'v', type: 'int' },
          { name: 't', type: 'date' },
          { name: 'a', type: 'int' },
          { name: 'b', type: 'int' },
        ],
      }),
      version: 2,
    };
    const { columns, configuration } = tableLayout('p', definition);
    expect(columns.map(({ name }) => name)).toEqual(['b', 'a', 't', 'v', '_ingested_at']);
    expect(configuration['delta.enableDeletionVectors']).toBeUndefined();
    expect(configuration['delta.enableChangeDataFeed']).toBe('true');
    expect(configuration['delta.logRetentionDuration']).toBe('interval 180 hours');
  });
});

describe('the registry copy, layout 1', () => {
  const SHA256 = 'f2dfd14cc67f57866328b9d6d3c4a78a0a9d54405d43b16507423290d705f9ce';
  const PART =
    'H4sIAAAAAAAAAz2OvQ6CQBAG3+WrT3Mg/mQ7K1/AUGgsLrDAGeTI3qIFuXc3GGI3mUwxM5ogL6egzED47aMPA8gaRHXKoBmjhCdXumDNsRI/6q8Zpr43qISdcn1WEHKbFxubbWx+tTuyBdn99nA83ZAMGnY6CV8kTGME3R9/VXr+rKYVN+jKnW87jlqyLEsRNKeUvo0HrS+vAAAA';

  it('packs the state after a revision', async () => {
    const { sha256, parts } = await encodeRegistryCopy({ project: 'demo', revision: 0, state: before });
    expect(sha256).toBe(SHA256);
    expect(await decodeRegistryCopy('demo', { sha256, parts })).toEqual({ project: 'demo', revision: 0, state: before });
  });

  it('reads these bytes', async () => {
    const part = fromBase64(PART) ?? new Uint8Array();
    expect(await decodeRegistryCopy('demo', { sha256: SHA256, parts: [part.subarray(0, 20), part.subarray(20)] })).toEqual({
      project: 'demo',
      revision: 0,
      state: before,
    });
  });

  it('is called corrupt when bytes or hash are not what was written', async () => {
    const part = fromBase64(PART) ?? new Uint8Array();
    await expect(decodeRegistryCopy('demo', { sha256: 'ff'.repeat(32), parts: [part] })).rejects.toMatchObject({ code: 'CORRUPT_STORE' });
    await expect(decodeRegistryCopy('demo', { sha256: SHA256, parts: [part.subarray(0, 30)] })).rejects.toMatchObject({ code: 'CORRUPT_STORE' });
    await expect(decodeRegistryCopy('demo', { sha256: SHA256, parts: [utf8('no gzip')] })).rejects.toMatchObject({ code: 'CORRUPT_STORE' });
  });
});
