/** The config file: where definitions come from and what `--location` and `--project` are when nobody says. */
import { isRecord } from '../lib/core/json.ts';
import { readFile, stat } from 'node:fs/promises';
import { dirname, extname, resolve } from 'node:path';
import { LakefoldError } from '../lib/core/errors.ts';
import { parseJson } from '../lib/core/json.ts';

import { collectDefinitions, collectJsonDefinitions, type FunctionTable } from '../lib/registry/collect-definitions.ts';
import { importBundled } from './import-bundled.ts';

const CONFIG_FILE = 'lakefold.config.ts';

/** Definitions in their JSON form, as `/definitions:plan` takes them. */
export interface Definitions {
  readonly featureGroups: readonly object[];
  readonly featureViews: readonly object[];
}

export interface Config {
  /** The config file. */
  readonly path: string;
  /** Absolute. */
  readonly location: string | undefined;
  readonly project: string | undefined;
  readonly definitions: Definitions;
  readonly functions: FunctionTable;
}

/** The config file that is named, or the one of the folder; undefined where none is named and none is there. */
export async function findConfig(options: { readonly config: string | undefined; readonly cwd: string }): Promise<string | undefined> {
  const path = resolve(options.cwd, options.config ?? CONFIG_FILE);
  const isThere = (await stat(path).catch(() => undefined))?.isFile() === true;
  if (isThere) return path;
  if (options.config === undefined) return undefined;
  throw new LakefoldError('INVALID_ARGUMENT', `expected a config file at ${path}, found none`, { context: { path } });
}

/**
 * Reads a config file: `.json` holds definitions; a module either exports definitions itself or names their module
 * (`export default { definitions: './definitions.ts', location, project }`).
 * @throws LakefoldError INVALID_ARGUMENT when it can't be read or makes no sense, INVALID_DEFINITION
 */
export async function loadConfig(path: string): Promise<Config> {
  if (extname(path) === '.json') return { path, location: undefined, project: undefined, ...(await jsonDefinitions(path)) };
  const exported = await importBundled(path);
  const settings = settingsOf(exported['default'], path);
  const found = await definitionsOf(exported, { path, definitions: settings.definitions });
  return { path, location: settings.location === undefined ? undefined : resolve(dirname(path), settings.location), project: settings.project, ...found };
}

interface Settings {
  readonly definitions: unknown;
  readonly location: string | undefined;
  readonly project: string | undefined;
}

const NO_SETTINGS: Settings = { definitions: undefined, location: undefined, project: undefined };

function settingsOf(exported: unknown, path: string): Settings {
  // A definition may well be the default export.
  if (exported === undefined || (isRecord(exported) && exported['kind'] !== undefined)) return NO_SETTINGS;
  if (!isRecord(exported)) throw invalid(path, 'an object as default export', typeof exported);
  const { definitions, location, project, ...others } = exported;
  const unknown = Object.keys(others)[0];
  if (unknown !== undefined) throw invalid(path, 'only definitions, location and project in the default export', JSON.stringify(unknown));
  return { definitions, location: optionalText(location, path, 'location'), project: optionalText(project, path, 'project') };
}

async function definitionsOf(
  exported: Readonly<Record<string, unknown>>,
  from: { readonly path: string; readonly definitions: unknown },
): Promise<Pick<Config, 'definitions' | 'functions'>> {
  const { path, definitions } = from;
  if (definitions === undefined) return collected(exported);
  if (isRecord(definitions)) return collected(definitions);
  if (typeof definitions !== 'string') throw invalid(path, 'a path or a module as definitions', typeof definitions);
  const file = resolve(dirname(path), definitions);
  return extname(file) === '.json' ? jsonDefinitions(file) : collected(await importBundled(file));
}

function collected(exported: Readonly<Record<string, unknown>>): Pick<Config, 'definitions' | 'functions'> {
  const { wanted, functions } = collectDefinitions(exported);
  return { definitions: { featureGroups: wanted.featureGroups.map(sendable), featureViews: wanted.featureViews.map(sendable) }, functions };
}

async function jsonDefinitions(path: string): Promise<Pick<Config, 'definitions' | 'functions'>> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new LakefoldError('INVALID_ARGUMENT', `expected definitions at ${path}, found no file that can be read`, { cause, context: { path } });
  });
  const wanted = collectJsonDefinitions(parseJson(new Uint8Array(bytes)));
  return { definitions: { featureGroups: wanted.featureGroups.map(sendable), featureViews: wanted.featureViews.map(sendable) }, functions: new Map() };
}

/** What a draft leaves open is left out: a route takes no null for a version that is yet to be given. */
function sendable(draft: object): object {
  return Object.fromEntries(Object.entries(draft).filter(([name, value]) => !(name === 'version' && value === null)));
}

function optionalText(value: unknown, path: string, name: string): string | undefined {
  if (value === undefined || typeof value === 'string') return value;
  throw invalid(path, `text as ${name}`, typeof value);
}

function invalid(path: string, expected: string, found: string): LakefoldError {
  return new LakefoldError('INVALID_ARGUMENT', `expected ${expected} in ${path}, found ${found}`, { context: { path } });
}
