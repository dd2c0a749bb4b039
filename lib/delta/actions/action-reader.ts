/**
 * Actions from the parsed lines of the log and the rows of checkpoints, member by member.
 *
 * `null` counts as absent everywhere. Members we don't know are kept of files and metadata, else dropped; members we know must have their type, but for
 * `commitInfo`, which is free-form: there a member of another type is dropped too.
 */
import { isRecord } from '../../core/json.ts';
import { isLakefoldError, LakefoldError } from '../../core/errors.ts';
import type { Json, JsonObject } from '../../core/json.ts';
import type { ObjectPath } from '../../core/path.ts';
import type { Action, AddFile, CdcFile, CommitInfo, DeletionVectorDescriptor, DomainMetadata, Metadata, Protocol, RemoveFile, Txn } from './actions.ts';
import { decodeLogPath } from './file-path.ts';

type Members = Readonly<Record<string, unknown>>;

/** Where an action stands, for messages. */
export interface ActionPlace {
  readonly path: string;
  readonly version: number;
  /** From 1. */
  readonly line: number;
  readonly tableLocation?: string;
}

/** A file beside a V2 checkpoint that holds adds and removes; `path` is a name in `_sidecars/`. */
export interface Sidecar {
  readonly path: string;
  readonly sizeInBytes: number;
}

/** What stands for a schema nobody has written. */
const EMPTY_SCHEMA = '{"type":"struct","fields":[]}';

/** The actions of one line; normally one. @throws LakefoldError LOG_CORRUPT, PATH_OUTSIDE_TABLE */
export function* readAction(line: Members, place: ActionPlace): Generator<Action> {
  for (const kind in line) {
    const value = line[kind];
    if (value === null || value === undefined) continue;
    switch (kind) {
      case 'add':
        yield readAdd(members(value, kind, place), place);
        break;
      case 'remove':
        yield readRemove(members(value, kind, place), place);
        break;
      case 'cdc':
        yield readCdc(members(value, kind, place), place);
        break;
      case 'metaData':
        yield readMetadata(members(value, kind, place), place);
        break;
      case 'protocol':
        yield readProtocol(members(value, kind, place), place);
        break;
      case 'txn':
        yield readTxn(members(value, kind, place), place);
        break;
      case 'domainMetadata':
        yield readDomain(members(value, kind, place), place);
        break;
      case 'commitInfo':
        yield readCommitInfo(members(value, kind, place));
        break;
      default:
        break;
    }
  }
}

export function readSidecar(value: unknown, place: ActionPlace): Sidecar | undefined {
  if (value === null || value === undefined) return undefined;
  const of = new Reader(members(value, 'sidecar', place), 'sidecar', place);
  return { path: of.text('path'), sizeInBytes: of.integer('sizeInBytes') };
}

function readAdd(value: Members, place: ActionPlace): AddFile {
  const of = new Reader(value, 'add', place);
  const stats = of.optionalText('stats');
  const tags = of.optionalTexts('tags');
  const deletionVector = readVector(value['deletionVector'], 'add', place);
  return {
    kind: 'add',
    path: filePath(of, place),
    partitionValues: of.optionalTexts('partitionValues') ?? {},
    size: of.integer('size'),
    modificationTime: of.integer('modificationTime'),
    dataChange: of.boolean('dataChange', true),
    ...(stats === undefined ? {} : { stats }),
    ...(tags === undefined ? {} : { tags }),
    ...(deletionVector === undefined ? {} : { deletionVector }),
    ...moreOf(value, ADD_MEMBERS),
  };
}

function readRemove(value: Members, place: ActionPlace): RemoveFile {
  const of = new Reader(value, 'remove', place);
  const deletionTimestamp = of.optionalInteger('deletionTimestamp');
  const partitionValues = of.optionalTexts('partitionValues');
  const size = of.optionalInteger('size');
  const deletionVector = readVector(value['deletionVector'], 'remove', place);
  return {
    kind: 'remove',
    path: filePath(of, place),
    ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
    dataChange: of.boolean('dataChange', true),
    ...(value['extendedFileMetadata'] === true ? { extendedFileMetadata: true } : {}),
    ...(partitionValues === undefined ? {} : { partitionValues }),
    ...(size === undefined ? {} : { size }),
    ...(deletionVector === undefined ? {} : { deletionVector }),
    ...moreOf(value, REMOVE_MEMBERS),
  };
}

function readCdc(value: Members, place: ActionPlace): CdcFile {
  const of = new Reader(value, 'cdc', place);
  const tags = of.optionalTexts('tags');
  return {
    kind: 'cdc',
    path: filePath(of, place),
    partitionValues: of.optionalTexts('partitionValues') ?? {},
    size: of.integer('size'),
    ...(tags === undefined ? {} : { tags }),
  };
}

function readMetadata(value: Members, place: ActionPlace): Metadata {
  const of = new Reader(value, 'metaData', place);
  const formatMembers = members(value['format'] ?? {}, 'metaData.format', place);
  const format = new Reader(formatMembers, 'metaData.format', place);
  const name = of.optionalText('name');
  const description = of.optionalText('description');
  const createdTime = of.optionalInteger('createdTime');
  return {
    kind: 'metaData',
    id: of.text('id'),
    ...(name === undefined ? {} : { name }),
    ...(description === undefined ? {} : { description }),
    format: {
      provider: format.optionalText('provider') ?? 'parquet',
      options: withoutNulls(format.optionalTexts('options')),
      ...moreOf(formatMembers, FORMAT_MEMBERS),
    },
    schemaString: of.optionalText('schemaString') ?? EMPTY_SCHEMA,
    partitionColumns: of.optionalList('partitionColumns') ?? [],
    configuration: withoutNulls(of.optionalTexts('configuration')),
    ...(createdTime === undefined ? {} : { createdTime }),
    ...moreOf(value, METADATA_MEMBERS),
  };
}

function readProtocol(value: Members, place: ActionPlace): Protocol {
  const of = new Reader(value, 'protocol', place);
  const readerFeatures = of.optionalList('readerFeatures');
  const writerFeatures = of.optionalList('writerFeatures');
  return {
    kind: 'protocol',
    minReaderVersion: of.integer('minReaderVersion'),
    minWriterVersion: of.integer('minWriterVersion'),
    ...(readerFeatures === undefined ? {} : { readerFeatures }),
    ...(writerFeatures === undefined ? {} : { writerFeatures }),
    ...moreOf(value, PROTOCOL_MEMBERS),
  };
}

function readTxn(value: Members, place: ActionPlace): Txn {
  const of = new Reader(value, 'txn', place);
  const lastUpdated = of.optionalInteger('lastUpdated');
  return {
    kind: 'txn',
    appId: of.text('appId'),
    version: of.integer('version'),
    ...(lastUpdated === undefined ? {} : { lastUpdated }),
    ...moreOf(value, TXN_MEMBERS),
  };
}

function readDomain(value: Members, place: ActionPlace): DomainMetadata {
  const of = new Reader(value, 'domainMetadata', place);
  return {
    kind: 'domainMetadata',
    domain: of.text('domain'),
    configuration: of.optionalText('configuration') ?? '',
    removed: of.boolean('removed', false),
    ...moreOf(value, DOMAIN_MEMBERS),
  };
}

function readCommitInfo(value: Members): CommitInfo {
  const integer = (name: string): Members => (Number.isSafeInteger(value[name]) ? { [name]: value[name] } : {});
  const text = (name: string): Members => (typeof value[name] === 'string' ? { [name]: value[name] } : {});
  const object = (name: string): Members => (isRecord(value[name]) ? { [name]: value[name] as Json } : {});
  const tags = value['tags'];
  return {
    kind: 'commitInfo',
    ...integer('timestamp'),
    ...integer('inCommitTimestamp'),
    ...text('operation'),
    ...object('operationParameters'),
    ...object('operationMetrics'),
    ...text('engineInfo'),
    ...text('txnId'),
    ...(typeof value['isBlindAppend'] === 'boolean' ? { isBlindAppend: value['isBlindAppend'] } : {}),
    ...integer('readVersion'),
    ...text('isolationLevel'),
    ...(isRecord(tags) ? { tags: Object.fromEntries(Object.entries(tags).flatMap(([key, tag]) => (typeof tag === 'string' ? [[key, tag]] : []))) } : {}),
  };
}

/** The last two are what checkpoints make of others. */
const ADD_MEMBERS = new Set([
  'path',
  'partitionValues',
  'size',
  'modificationTime',
  'dataChange',
  'stats',
  'tags',
  'deletionVector',
  'stats_parsed',
  'partitionValues_parsed',
]);
/** Statistics and tags of what is gone are of no use to anybody. */
const REMOVE_MEMBERS = new Set([
  'path',
  'deletionTimestamp',
  'dataChange',
  'extendedFileMetadata',
  'partitionValues',
  'size',
  'stats',
  'tags',
  'deletionVector',
  'stats_parsed',
  'partitionValues_parsed',
]);
const PROTOCOL_MEMBERS = new Set(['minReaderVersion', 'minWriterVersion', 'readerFeatures', 'writerFeatures']);
const TXN_MEMBERS = new Set(['appId', 'version', 'lastUpdated']);
const DOMAIN_MEMBERS = new Set(['domain', 'configuration', 'removed']);
const METADATA_MEMBERS = new Set(['id', 'name', 'description', 'format', 'schemaString', 'partitionColumns', 'configuration', 'createdTime']);
const FORMAT_MEMBERS = new Set(['provider', 'options']);

function moreOf(value: Members, known: ReadonlySet<string>): { readonly more?: JsonObject } {
  let more: [string, Json][] | undefined;
  for (const name in value) {
    if (known.has(name)) continue;
    const member = value[name] ?? null;
    if (member !== null) (more ??= []).push([name, member as Json]);
  }
  return more === undefined ? {} : { more: Object.fromEntries(more) };
}

function filePath(of: Reader, place: ActionPlace): ObjectPath {
  const uri = of.text('path');
  try {
    return decodeLogPath(uri, place.tableLocation);
  } catch (error) {
    if (isLakefoldError(error, 'LOG_CORRUPT')) throw corrupt(place, 'a percent-encoded path', JSON.stringify(uri));
    throw error;
  }
}

function readVector(value: unknown, owner: string, place: ActionPlace): DeletionVectorDescriptor | undefined {
  if (value === null || value === undefined) return undefined;
  const name = `${owner}.deletionVector`;
  const of = new Reader(members(value, name, place), name, place);
  const storageType = of.text('storageType');
  if (storageType !== 'u' && storageType !== 'i' && storageType !== 'p') throw corrupt(place, `${name}.storageType u, i or p`, storageType);
  const offset = of.optionalInteger('offset');
  return {
    storageType,
    pathOrInlineDv: of.text('pathOrInlineDv'),
    ...(offset === undefined ? {} : { offset }),
    sizeInBytes: of.integer('sizeInBytes'),
    cardinality: of.integer('cardinality'),
  };
}

/** Typed access to the members of one action. */
class Reader {
  readonly #members: Members;
  readonly #name: string;
  readonly #place: ActionPlace;

  constructor(value: Members, name: string, place: ActionPlace) {
    this.#members = value;
    this.#name = name;
    this.#place = place;
  }

  text(name: string): string {
    const value = this.optionalText(name);
    if (value === undefined) throw this.#wrong(name, 'a string', undefined);
    return value;
  }

  optionalText(name: string): string | undefined {
    const value = this.#members[name] ?? undefined;
    if (value !== undefined && typeof value !== 'string') throw this.#wrong(name, 'a string', value);
    return value;
  }

  integer(name: string): number {
    const value = this.optionalInteger(name);
    if (value === undefined) throw this.#wrong(name, 'a whole number', undefined);
    return value;
  }

  optionalInteger(name: string): number | undefined {
    const value = this.#members[name] ?? undefined;
    if (value === undefined) return undefined;
    const number = typeof value === 'bigint' ? Number(value) : value;
    if (typeof number !== 'number' || !Number.isSafeInteger(number)) throw this.#wrong(name, 'a whole number within ±(2^53−1)', value);
    return number;
  }

  boolean(name: string, absent: boolean): boolean {
    const value = this.#members[name] ?? absent;
    if (typeof value !== 'boolean') throw this.#wrong(name, 'true or false', value);
    return value;
  }

  optionalTexts(name: string): Record<string, string | null> | undefined {
    const value = this.#members[name] ?? undefined;
    if (value === undefined) return undefined;
    if (!isRecord(value)) throw this.#wrong(name, 'an object of strings', value);
    const entries: [string, string | null][] = [];
    for (const [key, member] of Object.entries(value)) {
      if (member !== null && typeof member !== 'string') throw this.#wrong(`${name}.${key}`, 'a string', member);
      entries.push([key, member]);
    }
    return Object.fromEntries(entries);
  }

  optionalList(name: string): string[] | undefined {
    const value = this.#members[name] ?? undefined;
    if (value === undefined) return undefined;
    if (!Array.isArray(value)) throw this.#wrong(name, 'an array of strings', value);
    return value.map((item: unknown) => {
      if (typeof item !== 'string') throw this.#wrong(name, 'an array of strings', item);
      return item;
    });
  }

  #wrong(name: string, expected: string, value: unknown): LakefoldError {
    return corrupt(
      this.#place,
      `${this.#name}.${name} to be ${expected}`,
      value === undefined ? 'nothing' : `a ${Array.isArray(value) ? 'list' : typeof value}`,
    );
  }
}

function members(value: unknown, name: string, place: ActionPlace): Members {
  if (!isRecord(value)) throw corrupt(place, `${name} to be an object`, Array.isArray(value) ? 'a list' : `a ${typeof value}`);
  return value;
}

function withoutNulls(values: Readonly<Record<string, string | null>> | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(values ?? {}).flatMap(([key, value]) => (value === null ? [] : [[key, value]])));
}

function corrupt(place: ActionPlace, expected: string, found: string): LakefoldError {
  return new LakefoldError('LOG_CORRUPT', `expected ${expected} on line ${place.line} of version ${place.version} (${place.path}), found ${found}`, {
    context: { version: place.version, line: place.line, path: place.path },
  });
}
