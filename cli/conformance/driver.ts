/** What a vector needs of a feature store, whichever way it is reached. Bodies are those of the HTTP routes (shapes.md). */
import type { JsonObject } from '../../lib/core/json.ts';
import type { WriteOperation } from './vectors.ts';

export interface EditSettings {
  readonly group: string;
  readonly wait: 'commit' | 'online' | undefined;
  readonly idempotencyKey: string | undefined;
  /** When the rows were received, µs; undefined = now. */
  readonly receivedMicros: bigint | undefined;
}

export interface TrainRequest {
  readonly view: string;
  /** Body of `POST …/training-datasets`. */
  readonly body: JsonObject;
}

/** A training set: its description and its rows as objects. */
export interface TrainedRows {
  readonly manifest: JsonObject;
  readonly rows: readonly JsonObject[];
}

/**
 * One store that a vector runs on. Every method throws a LakefoldError for a refusal; groups and views are named in full,
 * each at version 1.
 */
export interface Driver {
  define(definitions: { readonly groups: readonly JsonObject[]; readonly view: JsonObject }): Promise<void>;
  write(rows: readonly JsonObject[], settings: EditSettings & { readonly operation: WriteOperation }): Promise<JsonObject>;
  remove(keys: readonly JsonObject[], settings: EditSettings): Promise<JsonObject>;
  restore(toVersion: number, settings: EditSettings): Promise<JsonObject>;
  publish(group: string, to: number | 'head'): Promise<JsonObject>;
  /** Sends the online writes of a commit once more. */
  resend(group: string, version: number): Promise<void>;
  read(group: string, asOf: number | undefined): Promise<readonly JsonObject[]>;
  /** With names and statuses of the features and their event times. */
  lookUp(view: string, entries: readonly JsonObject[]): Promise<JsonObject>;
  train(request: TrainRequest): Promise<TrainedRows>;
  close(): Promise<void>;
}
