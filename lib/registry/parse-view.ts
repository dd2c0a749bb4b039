/**
 * A feature view's definition out of untrusted JSON. What depends on its feature groups (default keys, types of
 * defaults, P9, P10, P13) is settled by `resolveView`.
 */
import { isRecord } from '../core/json.ts';
import { LakefoldError } from '../core/errors.ts';
import type { Json } from '../core/json.ts';
import { JOINS_MAX } from '../core/limits.ts';
import { formatType } from '../core/types.ts';
import type { FeatureViewDefinition, JoinDefinition, OnDemandDefinition, TransformDefinition } from './definition.ts';
import { ObjectReader, collectFaults, throwFaults } from './definition-reader.ts';
import { parseColumns, type TypedColumn } from './parse-columns.ts';
import { isBuiltInTransform } from './transforms.ts';

/** A join as written: `on` null = same names as the group's key; `boundary` null = not said. */
export type JoinDraft = Omit<JoinDefinition, 'on' | 'boundary'> & {
  readonly on: Readonly<Record<string, string>> | null;
  readonly boundary: JoinDefinition['boundary'] | null;
};

/** A definition whose version may still be open: null = the next one. */
export type FeatureViewDraft = Omit<FeatureViewDefinition, 'version' | 'joins'> & {
  readonly version: number | null;
  readonly joins: readonly JoinDraft[];
};

/** What `describe` adds to a definition; sent back, it is ignored. */
const DESCRIBED = ['status', 'features', 'entryKeys', 'requestParameters', 'createdAt', 'updatedAt', 'etag', 'warnings', 'requestId'];
const BOUNDARIES = ['inclusive', 'exclusive'] as const;
const NAME_LENGTH_MAX = 128;
const SOURCE_HASH = /^sha256:[0-9a-f]{64}$/;

/** @throws LakefoldError INVALID_DEFINITION or UNKNOWN_FIELD with all faults in `errors`; LIMIT_EXCEEDED beyond `JOINS_MAX` */
export function parseFeatureView(json: unknown): FeatureViewDraft {
  const joinCount = isRecord(json) && Array.isArray(json['joins']) ? json['joins'].length : 0;
  if (joinCount > JOINS_MAX)
    throw new LakefoldError('LIMIT_EXCEEDED', `expected at most ${JOINS_MAX} joins, found ${joinCount}`, {
      context: { limit: 'JOINS_MAX', limitValue: JOINS_MAX },
    });
  const reader = new ObjectReader('', json, collectFaults());
  const spine = parseColumns(reader, 'spine');
  const draft: FeatureViewDraft = {
    name: reader.name(),
    version: reader.version(),
    description: reader.shortText('description'),
    spine: spine.map((column) => column.definition),
    labelTime: parseLabelTime(reader, spine),
    labels: parseLabels(reader, spine),
    root: parseRoot(reader),
    joins: parseJoins(reader),
    onDemand: parseOnDemand(reader),
    transforms: parseTransforms(reader),
    inferenceHelpers: reader.strings('inferenceHelpers'),
    trainingHelpers: reader.strings('trainingHelpers'),
    logging: parseLogging(reader),
    tags: reader.tags(),
    owner: reader.shortText('owner'),
  };
  reader.refuseOthers(DESCRIBED);
  throwFaults('feature view', reader.faults);
  return draft;
}

function parseLabelTime(reader: ObjectReader, spine: readonly TypedColumn[]): string | null {
  const value = reader.raw('labelTime');
  if (value === undefined || value === null) return null;
  const column = spine.find((other) => other.definition.name === value);
  if (typeof value !== 'string' || column === undefined) {
    reader.fault('labelTime', 'UNKNOWN_COLUMN', 'expected a column of the spine');
    return null;
  }
  if (!['timestamp', 'date', 'void'].includes(column.type.kind))
    reader.fault('labelTime', 'INVALID_EVENT_TIME', `expected a timestamp or date, found ${column.definition.type} ${value}`);
  return value;
}

function parseLabels(reader: ObjectReader, spine: readonly TypedColumn[]): readonly string[] {
  const labels = reader.strings('labels');
  labels.forEach((name, i) => {
    if (!spine.some((column) => column.definition.name === name))
      reader.fault(`labels[${i}]`, 'UNKNOWN_COLUMN', `expected a column of the spine, found ${JSON.stringify(name)}`);
  });
  return labels;
}

function parseRoot(reader: ObjectReader): FeatureViewDraft['root'] {
  const item = reader.object('root');
  if (item === undefined) return null;
  const name = item.name();
  const version = item.version();
  item.refuseOthers();
  if (version === null) item.fault('version', 'INVALID_ARGUMENT', 'expected a whole number from 1, found nothing');
  return { name, version: version ?? 1 };
}

function parseLogging(reader: ObjectReader): FeatureViewDraft['logging'] {
  const item = reader.object('logging');
  const sample = item?.raw('sample') ?? 0;
  item?.refuseOthers();
  if (typeof sample === 'number' && sample >= 0 && sample <= 1) return { sample };
  reader.fault('logging.sample', 'INVALID_ARGUMENT', 'expected a fraction from 0 to 1');
  return { sample: 0 };
}

function parseJoins(reader: ObjectReader): readonly JoinDraft[] {
  const joins: JoinDraft[] = [];
  for (const item of reader.objects('joins')) {
    const join = parseJoin(item);
    if (joins.some((other) => other.name === join.name))
      item.fault(
        'name',
        'INVALID_NAME',
        `expected a name no other join has, found ${JSON.stringify(join.name)} again (it defaults to the prefix, else to the group's name)`,
      );
    joins.push(join);
  }
  return joins;
}

function parseJoin(item: ObjectReader): JoinDraft {
  const featureGroup = item.name('featureGroup');
  const version = item.version();
  if (version === null) item.fault('version', 'INVALID_ARGUMENT', 'expected the version of the feature group, found nothing');
  const prefix = item.text('prefix', '');
  if (!/^(?:[a-z][a-z0-9_]{0,62})?$/.test(prefix))
    item.fault('prefix', 'INVALID_NAME', `expected ^[a-z][a-z0-9_]{0,62}$ or nothing, found ${JSON.stringify(prefix)}`);
  const features = item.strings('features');
  if (item.raw('features') === undefined) item.fault('features', 'INVALID_ARGUMENT', 'expected an array of features, found nothing');
  const tooLong = features.find((feature) => prefix.length + feature.length > NAME_LENGTH_MAX);
  if (tooLong !== undefined)
    item.fault(
      'prefix',
      'INVALID_NAME',
      `expected prefix and feature of at most ${NAME_LENGTH_MAX} characters together, found ${JSON.stringify(prefix + tooLong)}`,
    );
  const defaultName = prefix.replace(/_$/, '') === '' ? featureGroup : prefix.replace(/_$/, '');
  const name = item.raw('name') === undefined ? defaultName : item.name();
  const boundary = (item.raw('boundary') ?? null) === null ? null : item.oneOf('boundary', BOUNDARIES, 'inclusive');
  const join: JoinDraft = {
    name,
    featureGroup,
    version: version ?? 1,
    on: item.stringMap('on') ?? null,
    features,
    prefix,
    lookback: item.duration('lookback', null),
    availabilityDelay: item.duration('availabilityDelay', null),
    boundary,
    temporal: item.boolean('temporal', true),
    filter: item.json('filter') ?? null,
    defaults: parseDefaults(item),
    via: parseVia(item),
  };
  item.refuseOthers();
  return join;
}

function parseDefaults(item: ObjectReader): Readonly<Record<string, Json>> {
  const defaults = item.object('defaults');
  return Object.fromEntries(
    (defaults?.keys() ?? []).flatMap((name) => {
      const value = defaults?.json(name);
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
}

function parseVia(item: ObjectReader): JoinDraft['via'] {
  const via = item.object('via');
  if (via === undefined) return null;
  const parsed = { join: via.name('join'), feature: via.name('feature') };
  via.refuseOthers();
  return parsed;
}

function parseOnDemand(reader: ObjectReader): readonly OnDemandDefinition[] {
  return reader.objects('onDemand').map((item) => {
    const name = item.name();
    const inputs = item.objects('inputs').map((input) => {
      const parsed = { name: input.name(), type: parsedType(input), nullable: input.boolean('nullable', false) };
      input.refuseOthers();
      return parsed;
    });
    const returns = item.object('returns');
    if (returns === undefined) item.fault('returns', 'INVALID_ARGUMENT', 'expected {"type": …}, found nothing');
    const returned = { type: returns === undefined ? '' : parsedType(returns), nullable: returns?.boolean('nullable', false) ?? false };
    returns?.refuseOthers();
    const sourceHash = parseSourceHash(item) ?? '';
    if (item.raw('sourceHash') === undefined) item.fault('sourceHash', 'INVALID_ARGUMENT', 'expected sha256: and 64 hex digits, found nothing');
    item.refuseOthers();
    return { name, inputs, returns: returned, sourceHash };
  });
}

function parsedType(item: ObjectReader): string {
  const type = item.type();
  return type === undefined ? '' : formatType(type.type);
}

function parseSourceHash(item: ObjectReader): string | undefined {
  const value = item.raw('sourceHash');
  if (value === undefined) return undefined;
  if (typeof value === 'string' && SOURCE_HASH.test(value)) return value;
  item.fault('sourceHash', 'INVALID_ARGUMENT', 'expected sha256: and 64 hex digits');
  return undefined;
}

function parseTransforms(reader: ObjectReader): Readonly<Record<string, TransformDefinition>> {
  const transforms = reader.object('transforms');
  return Object.fromEntries(
    (transforms?.keys() ?? []).flatMap((feature) => {
      const item = transforms?.object(feature);
      if (item === undefined) return [];
      const name = item.name('function');
      const sourceHash = parseSourceHash(item);
      const values = item.object('arguments');
      const entries = (values?.keys() ?? []).flatMap((key) => {
        const value = values?.json(key);
        return value === undefined ? [] : [[key, value] as const];
      });
      item.refuseOthers();
      if (sourceHash === undefined && !isBuiltInTransform(name))
        item.fault('function', 'INVALID_ARGUMENT', `expected a built-in transform or one with a sourceHash, found ${JSON.stringify(name)}`);
      return [[feature, { function: name, arguments: Object.fromEntries(entries), ...(sourceHash === undefined ? {} : { sourceHash }) }] as const];
    }),
  );
}
