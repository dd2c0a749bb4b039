/** What one command opens: its settings, a client, the embedded store. All of it lazily, all of it closed at the end. */
import { resolve } from 'node:path';
import { LakefoldError } from '../lib/core/errors.ts';
import { Client, sendByFetch } from './client.ts';
import { findConfig, loadConfig, type Config } from './config.ts';
import type { GlobalOptions } from './global-options.ts';
import { DEFAULT_PROJECT, openLocalStore, type LocalStore } from './local-store.ts';
import type { Terminal } from './terminal.ts';

const DEFAULT_LOCATION = '.lakefold';

export class Session {
  readonly #globals: GlobalOptions;
  readonly #terminal: Terminal;
  #config: Promise<Config | undefined> | undefined;
  #store: Promise<LocalStore> | undefined;

  constructor(globals: GlobalOptions, terminal: Terminal) {
    this.#globals = globals;
    this.#terminal = terminal;
  }

  /** Base URL of the server to work against; undefined for the embedded store. */
  get endpoint(): string | undefined {
    return this.#globals.endpoint?.replace(/\/+$/, '');
  }

  get apiKey(): string | undefined {
    return this.#globals.apiKey;
  }

  /** The config file, if there is one. @throws LakefoldError INVALID_ARGUMENT, INVALID_DEFINITION */
  config(): Promise<Config | undefined> {
    this.#config ??= this.#readConfig();
    return this.#config;
  }

  /** `--project`, else the config's, else `default`. */
  async project(): Promise<string> {
    return this.#globals.project ?? (await this.config())?.project ?? DEFAULT_PROJECT;
  }

  /** `--location`, else the config's, else `./.lakefold`; absolute. */
  async location(): Promise<string> {
    const given = this.#globals.location;
    if (given !== undefined && /^[a-z][a-z0-9+.-]+:\/\//i.test(given)) {
      throw new LakefoldError(
        'UNSUPPORTED_OPERATION',
        `expected a folder as --location, found ${given}: a store on S3 is worked with through its deployment (--endpoint)`,
        { context: { location: given } },
      );
    }
    return given === undefined ? ((await this.config())?.location ?? resolve(this.#terminal.cwd, DEFAULT_LOCATION)) : resolve(this.#terminal.cwd, given);
  }

  /** The embedded store, with the functions of the config. */
  store(options: { readonly sourcesWithin?: string } = {}): Promise<LocalStore> {
    this.#store ??= this.#openStore(options);
    return this.#store;
  }

  /** The routes of the server or of the embedded store. */
  async client(): Promise<Client> {
    const { endpoint, apiKey } = this;
    if (endpoint === undefined) {
      const { app } = await this.store();
      return new Client(async (request) => app.fetch(request), { base: 'http://localhost' });
    }
    if (!/^https?:\/\/[^/\s]+/.test(endpoint))
      throw new LakefoldError('INVALID_ARGUMENT', `expected an http or https URL as --endpoint, found ${JSON.stringify(endpoint)}`);
    return new Client(sendByFetch, { base: endpoint, headers: apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` } });
  }

  async close(): Promise<void> {
    const store = await this.#store?.catch(() => undefined);
    await store?.close();
  }

  async #readConfig(): Promise<Config | undefined> {
    const path = await findConfig({ config: this.#globals.config, cwd: this.#terminal.cwd });
    return path === undefined ? undefined : loadConfig(path);
  }

  async #openStore(options: { readonly sourcesWithin?: string }): Promise<LocalStore> {
    const config = await this.config();
    return openLocalStore({
      location: await this.location(),
      cwd: this.#terminal.cwd,
      logSink: this.#terminal.stderr,
      ...options,
      ...(config === undefined ? {} : { functions: config.functions }),
    });
  }
}
