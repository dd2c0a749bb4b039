/**
 * A queue on this machine: database `queue` of `control.lmdb`, layout 1. Numbers are 8 bytes, big-endian.
 *
 * A message's key:    queue name in UTF-8, `00`, `01`, instant it becomes visible (epoch ms), its number
 * A message's value:  `01`, state (0 = waiting, 1 = handed out), times handed out, body in UTF-8
 * The counter:        key = name, `00`, `00`; value = `01`, the number last given
 *
 * The order of keys is the order of delivery. A receipt is the key and the count of one delivery.
 */
import { join } from 'node:path';
import { concatBytes, decodeUtf8, fromHex, toHex, utf8 } from '../../core/bytes.ts';
import { LakefoldError } from '../../core/errors.ts';
import { QUEUE_RECEIVE_MAX } from '../../core/limits.ts';
import type { Clock } from '../../ports/clock.ts';
import type { RequestOptions } from '../../ports/object-store.ts';
import type { Queue, QueueMessage } from '../../ports/queue.ts';
import { inWriteTransaction, readValue } from './environment.ts';
import type { BinaryDatabase } from './environment.ts';
import { checkLayout, corrupt, readInt64, writeInt64 } from './layout.ts';
import { SharedEnvironment } from './shared-environment.ts';

const LAYOUT = 1;
/** The database in `control.lmdb` that all queues of a folder are in. */
export const QUEUE_DATABASE = 'queue';
const HANDED_OUT = 1;
const HEAD_BYTES = 10;
const DEFAULT_NAME = 'default';

export interface LmdbQueueOptions {
  readonly clock: Pick<Clock, 'now'>;
  /** Tells queues of one environment apart; `default` unless given. */
  readonly name?: string;
}

export interface StoredMessage {
  readonly isHandedOut: boolean;
  readonly receiveCount: number;
  readonly body: string;
}

/** Opens or creates `control.lmdb` in the folder `directory`. @throws LakefoldError STORE_UNAVAILABLE; INVALID_ARGUMENT for a name with a NUL */
export function openLmdbQueue(options: LmdbQueueOptions & { readonly directory: string }): LmdbQueue {
  return new LmdbQueue(new SharedEnvironment(join(options.directory, 'control.lmdb')), options);
}

export function encodeMessage(message: StoredMessage): Uint8Array {
  const head = new Uint8Array(HEAD_BYTES);
  head[0] = LAYOUT;
  head[1] = message.isHandedOut ? HANDED_OUT : 0;
  writeInt64(head, 2, message.receiveCount);
  return concatBytes([head, utf8(message.body)]);
}

/** @throws LakefoldError CORRUPT_STORE, UNSUPPORTED_FORMAT */
export function decodeMessage(bytes: Uint8Array): StoredMessage {
  checkLayout(bytes, LAYOUT);
  const body = decodeUtf8(bytes.subarray(HEAD_BYTES));
  if (body === undefined) throw corrupt('a message in UTF-8', 'other bytes');
  return { isHandedOut: bytes[1] === HANDED_OUT, receiveCount: readInt64(bytes, 2), body };
}

/** A `Queue` whose every call is one transaction, on disk before it is acknowledged. */
export class LmdbQueue implements Queue {
  readonly #environment: SharedEnvironment;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #prefix: Uint8Array;
  readonly #counterKey: Uint8Array;

  constructor(environment: SharedEnvironment, options: LmdbQueueOptions) {
    const name = options.name ?? DEFAULT_NAME;
    if (name === '' || name.includes('\0'))
      throw new LakefoldError('INVALID_ARGUMENT', `expected the name of a queue without NUL, found ${JSON.stringify(name)}`);
    this.#environment = environment;
    this.#clock = options.clock;
    this.#prefix = concatBytes([utf8(name), Uint8Array.of(0, 1)]);
    this.#counterKey = concatBytes([utf8(name), Uint8Array.of(0, 0)]);
  }

  async send(body: string, options: RequestOptions & { readonly delaySeconds?: number } = {}): Promise<{ readonly id: string }> {
    options.signal?.throwIfAborted();
    return inWriteTransaction(this.#database, () => {
      const counter = readValue(this.#database, this.#counterKey);
      if (counter !== undefined) checkLayout(counter, LAYOUT);
      const number = (counter === undefined ? 0 : readInt64(counter, 1)) + 1;
      const next = new Uint8Array(9);
      next[0] = LAYOUT;
      writeInt64(next, 1, number);
      this.#database.putSync(this.#counterKey, next);
      this.#database.putSync(this.#key(this.#in(options.delaySeconds), number), encodeMessage({ isHandedOut: false, receiveCount: 0, body }));
      return { id: String(number) };
    });
  }

  async receive(options: RequestOptions & { readonly countMax: number; readonly visibilitySeconds: number }): Promise<readonly QueueMessage[]> {
    options.signal?.throwIfAborted();
    const limit = Math.min(options.countMax, QUEUE_RECEIVE_MAX);
    // An empty queue is asked often; only what was seen waiting is worth the lock.
    this.#database.resetReadTxn();
    if (limit < 1 || this.#visible(1).length === 0) return [];
    return inWriteTransaction(this.#database, () => this.#visible(limit).map(({ key, value }) => this.#handOut(key, value, options.visibilitySeconds)));
  }

  async acknowledge(receipt: string, options: RequestOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    inWriteTransaction(this.#database, () => {
      const delivered = this.#delivered(receipt);
      if (delivered !== undefined) this.#database.removeSync(delivered.key);
    });
  }

  async release(receipt: string, options: RequestOptions & { readonly delaySeconds?: number } = {}): Promise<void> {
    options.signal?.throwIfAborted();
    inWriteTransaction(this.#database, () => {
      const delivered = this.#delivered(receipt);
      if (delivered === undefined) return;
      this.#database.removeSync(delivered.key);
      const number = readInt64(delivered.key, this.#prefix.length + 8);
      this.#database.putSync(this.#key(this.#in(options.delaySeconds), number), encodeMessage({ ...delivered.message, isHandedOut: false }));
    });
  }

  async close(): Promise<void> {
    await this.#environment.close();
  }

  get #database(): BinaryDatabase {
    return this.#environment.database(QUEUE_DATABASE);
  }

  /** The first messages, at most `limit`, whose instant has come. */
  #visible(limit: number): { readonly key: Uint8Array; readonly value: Uint8Array }[] {
    const start = Buffer.from(this.#prefix);
    const end = Buffer.from(this.#key(this.#clock.now() + 1, 0));
    // Copied: the messages are moved while they are gone through.
    return Array.from(this.#database.getRange({ start, end, limit }), ({ key, value }) => ({ key: Uint8Array.from(key), value: Uint8Array.from(value) }));
  }

  #handOut(key: Uint8Array, value: Uint8Array, visibilitySeconds: number): QueueMessage {
    const message = decodeMessage(value);
    const number = readInt64(key, this.#prefix.length + 8);
    const receiveCount = message.receiveCount + 1;
    const next = this.#key(this.#in(visibilitySeconds), number);
    this.#database.removeSync(key);
    this.#database.putSync(next, encodeMessage({ isHandedOut: true, receiveCount, body: message.body }));
    return { id: String(number), body: message.body, receiveCount, receipt: `${toHex(next)}.${receiveCount}` };
  }

  #delivered(receipt: string): { readonly key: Uint8Array; readonly message: StoredMessage } | undefined {
    const [hex = '', count = ''] = receipt.split('.');
    const key = fromHex(hex);
    if (key.length !== this.#prefix.length + 16 || !hex.startsWith(toHex(this.#prefix))) return undefined;
    const value = readValue(this.#database, key);
    if (value === undefined) return undefined;
    const message = decodeMessage(value);
    return message.isHandedOut && String(message.receiveCount) === count ? { key, message } : undefined;
  }

  #in(seconds = 0): number {
    return this.#clock.now() + Math.ceil(seconds * 1000);
  }

  #key(visibleAtMillis: number, number: number): Uint8Array {
    const key = new Uint8Array(this.#prefix.length + 16);
    key.set(this.#prefix);
    writeInt64(key, this.#prefix.length, visibleAtMillis);
    writeInt64(key, this.#prefix.length + 8, number);
    return key;
  }
}
