/** Lookups of one feature view over HTTP, typed by its definition. */
import type { CompleteFeatures, Entry, Features, OptionalArgument, RequestParameters, WithParameters } from '../registry/row-types.ts';
import { LakefoldClientError } from './error.ts';
import { LookupBatch, type EncodedEntry, type Question } from './lookup-batch.ts';
import type { ClientRuntime } from './runtime.ts';
import { decoderOf, encode, type Decode } from './values.ts';

export type FeatureStatus = 'PRESENT' | 'NULL_VALUE' | 'NOT_FOUND' | 'EXPIRED' | 'PASSED' | 'COMPUTED' | 'DEFAULT' | 'ERROR';

export interface FeatureVector<F = Readonly<Record<string, unknown>>> {
  /** Values by feature name, in view order. */
  readonly features: F;
  readonly status: 'COMPLETE' | 'MISSING' | 'ERROR';
  readonly statuses: { readonly [Name in keyof F]: FeatureStatus };
  /** When each value became true, RFC 3339; null where no record stands behind it. */
  readonly eventTimes: { readonly [Name in keyof F]: string | null };
}

export interface LookupOptions {
  /** False: a vector that misses something is `FEATURE_VECTOR_INCOMPLETE`. True unless given. */
  readonly allowMissing?: boolean;
  readonly includeHelpers?: boolean;
  /** Reads strongly: what is published is seen. */
  readonly consistent?: boolean;
  /** Versions the answer must have seen, by `<group>/<version>`. */
  readonly minVersions?: Readonly<Record<string, number>>;
  /** How long the server waits for `minVersions`, at most 5,000 ms. */
  readonly waitMs?: number;
  /** Transforms features as in this training set of the view. */
  readonly trainingDataset?: number;
  /** Time for the answer, all tries together, milliseconds; the client's where none is given. */
  readonly timeoutMs?: number;
  /** Ends the call with the signal's reason. */
  readonly signal?: AbortSignal;
}

type One<V> = WithParameters<V, LookupOptions, RequestParameters<V>>;
type Many<V> = WithParameters<V, LookupOptions, RequestParameters<V> | readonly RequestParameters<V>[]>;

/** Nothing may be missing, so that nothing missing is in the type. */
interface Complete {
  readonly allowMissing: false;
}

export interface ViewClientDeps {
  readonly runtime: ClientRuntime;
  /** Of the view's routes, without the last part. */
  readonly url: string;
  readonly post: (url: string, body: string, question: Question) => Promise<unknown>;
  readonly timeoutMs: number;
  readonly windowMs: number;
  readonly entriesMax: number;
}

/** Names and types of an answer's features: asked for now and then only, they are most of a wide answer. */
interface Shape {
  readonly names: readonly string[];
  readonly decoders: readonly Decode[];
  readonly knownUntil: number;
}

/** A view never changes its features; a column of a group may be widened meanwhile. */
const SHAPE_KNOWN_MILLIS = 60_000;

type Options = LookupOptions & { readonly requestParameters?: unknown; readonly passedFeatures?: unknown };

export class FeatureViewClient<V = unknown> {
  readonly #deps: ViewClientDeps;
  /** Lookups gathered and not yet sent, by their options. */
  readonly #open = new Map<string, LookupBatch<FeatureVector>>();
  readonly #shapes = new Map<string, Shape>();

  constructor(deps: ViewClientDeps) {
    this.#deps = deps;
  }

  /**
   * The newest features of one entry. Lookups made within the client's window and with the same options travel together; equal ones once.
   * @throws LakefoldClientError with the code of the route (shapes.md), `FEATURE_VECTOR_INCOMPLETE`, `STORE_UNAVAILABLE` or `DEADLINE_EXCEEDED`
   */
  getFeatureVector(entry: Entry<V>, options: One<V> & Complete): Promise<FeatureVector<CompleteFeatures<V>>>;
  getFeatureVector(entry: Entry<V>, ...options: OptionalArgument<V, One<V>>): Promise<FeatureVector<Features<V>>>;
  /** Keys of a join all of whose features are passed need not be given. */
  getFeatureVector(entry: Partial<Entry<V>>, options: One<V> & { readonly passedFeatures: Partial<Features<V>> }): Promise<FeatureVector<Features<V>>>;
  async getFeatureVector(entry: unknown, ...given: readonly unknown[]): Promise<unknown> {
    const options = (given[0] ?? {}) as Options;
    const encoded = { entry: encode(entry), parameters: encodeGiven(options.requestParameters), passed: encodeGiven(options.passedFeatures) };
    const vector = await this.#gather(encoded, options);
    return this.#checked(vector, options);
  }

  /**
   * Vectors aligned with `entries`, duplicates and unknown entities included; beyond the client's `entriesMax` in several requests at once.
   * What misses something says so in its `status`.
   * @throws LakefoldClientError as `getFeatureVector`, but for `FEATURE_VECTOR_INCOMPLETE`
   */
  getFeatureVectors(entries: readonly Entry<V>[], ...options: OptionalArgument<V, Many<V>>): Promise<readonly FeatureVector<Features<V>>[]>;
  getFeatureVectors(
    entries: readonly Partial<Entry<V>>[],
    options: Many<V> & { readonly passedFeatures: readonly Partial<Features<V>>[] },
  ): Promise<readonly FeatureVector<Features<V>>[]>;
  async getFeatureVectors(entries: readonly unknown[], ...given: readonly unknown[]): Promise<unknown> {
    const options = (given[0] ?? {}) as Options;
    const parameters = perEntry(options.requestParameters, entries.length, 'requestParameters');
    const passed = perEntry(options.passedFeatures, entries.length, 'passedFeatures');
    const encoded = entries.map((entry, i) => ({ entry: encode(entry), parameters: encodeGiven(parameters(i)), passed: encodeGiven(passed(i)) }));
    const { entriesMax, timeoutMs } = this.#deps;
    const key = optionsJson(options);
    const parts: Promise<readonly FeatureVector[]>[] = [];
    for (let from = 0; from < encoded.length; from += entriesMax) {
      const batch = new LookupBatch<FeatureVector>(this.#deps.runtime, (question) => this.#ask(question, key));
      const wait = { timeoutMs: options.timeoutMs ?? timeoutMs, signal: options.signal };
      parts.push(Promise.all(encoded.slice(from, from + entriesMax).map((entry) => batch.add(entry, wait))));
      void batch.send();
    }
    return (await Promise.all(parts)).flat();
  }

  #gather(entry: EncodedEntry, options: Options): Promise<FeatureVector> {
    const key = optionsJson(options);
    let batch = this.#open.get(key);
    if (batch === undefined || batch.size >= this.#deps.entriesMax) {
      const opened = new LookupBatch<FeatureVector>(this.#deps.runtime, (question) => this.#ask(question, key));
      const send = (): void => {
        if (this.#open.get(key) === opened) this.#open.delete(key);
        void opened.send();
      };
      this.#open.set(key, opened);
      // Without a window: what is asked for in one turn, before anything else happens.
      if (this.#deps.windowMs > 0) this.#deps.runtime.after(this.#deps.windowMs, send);
      else queueMicrotask(send);
      batch = opened;
    }
    return batch.add(entry, { timeoutMs: options.timeoutMs ?? this.#deps.timeoutMs, signal: options.signal });
  }

  /** `key`: the options as they are sent, by which shapes are known too. */
  async #ask(question: Question, key: string): Promise<readonly FeatureVector[]> {
    const { runtime, url, post } = this.#deps;
    const known = this.#shapes.get(key);
    const shape = known !== undefined && runtime.now() < known.knownUntil ? known : undefined;
    const answer = answerOf(await post(`${url}/vectors`, bodyOf(question.entries, { options: key, withShape: shape === undefined }), question));
    const now = shape ?? shapeOf(answer, runtime.now());
    if (now === undefined || answer.features.length !== question.entries.length) throw unexpected('as many vectors as entries, with their names');
    this.#shapes.set(key, now);
    return question.entries.map((_, i) => vectorOf(answer, now, i));
  }

  #checked(vector: FeatureVector, { allowMissing }: Options): FeatureVector {
    if (allowMissing !== false || vector.status === 'COMPLETE') return vector;
    const missing = Object.entries(vector.statuses).filter(([, status]) => ['NOT_FOUND', 'EXPIRED', 'ERROR'].includes(status));
    throw new LakefoldClientError('FEATURE_VECTOR_INCOMPLETE', `expected every feature, found ${missing.map(([name]) => name).join(', ')} missing`, {
      status: 422,
      repeatable: false,
      errors: missing.map(([feature, code]) => ({ entry: 0, feature, code, message: `${feature} is ${code}` })),
    });
  }
}

interface Answer {
  readonly features: readonly (readonly unknown[])[];
  readonly status: readonly FeatureVector['status'][];
  readonly metadata: {
    readonly features?: readonly { readonly name: string; readonly type: string }[];
    readonly statuses: readonly (readonly FeatureStatus[])[];
    readonly eventTimes: readonly (readonly (string | null)[])[];
  };
}

function answerOf(body: unknown): Answer {
  const answer = body as Partial<Answer> | null;
  const { features, status, metadata } = answer ?? {};
  if (!Array.isArray(features) || !Array.isArray(status) || !Array.isArray(metadata?.statuses) || !Array.isArray(metadata.eventTimes))
    throw unexpected('vectors');
  return answer as Answer;
}

function shapeOf({ metadata }: Answer, now: number): Shape | undefined {
  if (metadata.features === undefined) return undefined;
  return {
    names: metadata.features.map(({ name }) => name),
    decoders: metadata.features.map(({ type }) => decoderOf(type)),
    knownUntil: now + SHAPE_KNOWN_MILLIS,
  };
}

function vectorOf({ features, status, metadata }: Answer, { names, decoders }: Shape, i: number): FeatureVector {
  const values = features[i] ?? [];
  if (values.length !== names.length) throw unexpected(`${names.length} features`);
  const named = <T>(valueAt: (position: number) => T): Readonly<Record<string, T>> => Object.fromEntries(names.map((name, at) => [name, valueAt(at)]));
  return {
    features: named((at) => decoders[at]?.(values[at])),
    status: status[i] ?? 'ERROR',
    statuses: named((at) => metadata.statuses[i]?.[at] ?? 'ERROR'),
    eventTimes: named((at) => metadata.eventTimes[i]?.[at] ?? null),
  };
}

function unexpected(expected: string): LakefoldClientError {
  return new LakefoldClientError('INTERNAL', `expected ${expected} in the answer, found another body`, { status: 200, repeatable: false });
}

/** The options a request carries; those that are equal here travel together. What may be missing is every caller's own. */
function optionsJson({ includeHelpers, consistent, minVersions, waitMs, trainingDataset }: Options): string {
  return encode({ includeHelpers, consistent, minVersions, waitMs, trainingDataset });
}

function bodyOf(entries: readonly EncodedEntry[], { options, withShape }: { readonly options: string; readonly withShape: boolean }): string {
  const list = (name: string, part: (entry: EncodedEntry) => string | null): string =>
    entries.every((entry) => part(entry) === null) ? '' : `,"${name}":[${entries.map((entry) => part(entry) ?? '{}').join(',')}]`;
  const shape = withShape ? '"names":true,"types":true,' : '';
  return `{"entries":[${entries.map(({ entry }) => entry).join(',')}]${list('requestParameters', (entry) => entry.parameters)}${list('passedFeatures', (entry) => entry.passed)},"options":${options},"metadata":{${shape}"statuses":true,"eventTimes":true}}`;
}

function encodeGiven(value: unknown): string | null {
  return value === undefined || value === null ? null : encode(value);
}

/** One for all entries, or one each. */
function perEntry(given: unknown, entries: number, name: string): (i: number) => unknown {
  if (!Array.isArray(given)) return () => given;
  const list: readonly unknown[] = given;
  if (list.length !== entries)
    throw new LakefoldClientError('INVALID_ARGUMENT', `expected ${name} for each of ${entries} entries, found ${list.length}`, {
      status: 0,
      repeatable: false,
    });
  return (i) => list[i];
}
