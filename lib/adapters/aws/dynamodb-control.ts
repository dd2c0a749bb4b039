/**
 * Control records in a DynamoDB table (storage.md §4).
 *
 * Attributes: `p` S partition · `s` S sort key · `b` B the record's bytes · `r` N revision · `w` S who wrote it last: an
 * id of one put, by which a put whose answer was lost knows its own record again.
 */
import { ConditionalCheckFailedException, DeleteItemCommand, GetItemCommand, QueryCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import type { QueryCommandOutput, UpdateItemCommandInput } from '@aws-sdk/client-dynamodb';
import { compareUtf8 } from '../../core/bytes.ts';
import { checkRecord, checkRecordKey } from '../../ports/control-rules.ts';
import type { Control, ControlCondition, ControlRecord, PutRecord } from '../../ports/control.ts';
import type { RequestOptions } from '../../ports/object-store.ts';
import type { Random } from '../../ports/random.ts';
import { backupsKeptMillis } from './dynamodb-backups.ts';
import { abortable, callRepeatedly } from './dynamodb-calls.ts';
import type { DynamoDbDeps, Try } from './dynamodb-calls.ts';
import { dynamoDbFaultOf, sdkAttemptsOf, translateDynamoDbError } from './dynamodb-errors.ts';
import { bytesOf, number, numberOf } from './dynamodb-online-items.ts';
import type { Attributes } from './dynamodb-online-items.ts';

/** One call, its repetitions included, ms. */
const CALL_TIME_MAX_MILLIS = 10_000;

/** A `Control` of conditional updates; `close` leaves the client to its owner. */
export class DynamoDbControl implements Control {
  readonly #deps: DynamoDbDeps & { readonly random: Pick<Random, 'unit' | 'uuid'> };
  readonly #table: string;

  constructor(deps: DynamoDbDeps & { readonly random: Pick<Random, 'unit' | 'uuid'> }, options: { readonly table: string }) {
    this.#deps = deps;
    this.#table = options.table;
  }

  async get(partition: string, sort: string, options: RequestOptions & { readonly consistent?: boolean } = {}): Promise<ControlRecord | undefined> {
    checkRecordKey(partition, sort);
    const request = { TableName: this.#table, Key: keyOf(partition, sort), ...(options.consistent === true ? { ConsistentRead: true } : {}) };
    const answer = await this.#calling('read from', options, () => this.#deps.client.send(new GetItemCommand(request), abortable(options)));
    return answer.Item === undefined ? undefined : decodeRecord(answer.Item);
  }

  async put(record: PutRecord, options: RequestOptions & { readonly condition?: ControlCondition } = {}): Promise<ControlRecord | undefined> {
    checkRecord(record);
    const writer = this.#deps.random.uuid();
    const request = putRequest(record, { table: this.#table, writer, condition: options.condition });
    return this.#calling('write to', options, async ({ mayHaveLanded }) => {
      try {
        const answer = await this.#deps.client.send(new UpdateItemCommand(request), abortable(options));
        return { ...record, bytes: record.bytes.slice(), revision: numberOf(answer.Attributes?.['r'], 'r') };
      } catch (error) {
        if (dynamoDbFaultOf(error) !== 'condition') throw error;
        const stored = error instanceof ConditionalCheckFailedException ? error.Item : undefined;
        const isOwn = (mayHaveLanded || sdkAttemptsOf(error) > 1) && stored?.['w']?.S === writer;
        return isOwn ? decodeRecord(stored) : undefined;
      }
    });
  }

  async delete(partition: string, sort: string, options: RequestOptions & { readonly condition?: ControlCondition } = {}): Promise<boolean> {
    checkRecordKey(partition, sort);
    const { condition } = options;
    const request = {
      TableName: this.#table,
      Key: keyOf(partition, sort),
      ...(condition === undefined
        ? {}
        : { ConditionExpression: condition.kind === 'absent' ? 'attribute_not_exists(p)' : 'attribute_not_exists(p) OR r = :r' }),
      ...(condition?.kind === 'revision' ? { ExpressionAttributeValues: { ':r': number(condition.revision) } } : {}),
    };
    return this.#calling('write to', options, async () => {
      try {
        await this.#deps.client.send(new DeleteItemCommand(request), abortable(options));
        return true;
      } catch (error) {
        if (dynamoDbFaultOf(error) === 'condition') return false;
        throw error;
      }
    });
  }

  async *query(partition: string, options: RequestOptions & { readonly after?: string; readonly prefix?: string } = {}): AsyncIterable<ControlRecord> {
    const { after, prefix = '' } = options;
    let start = after === undefined || compareUtf8(after, prefix) < 0 ? undefined : keyOf(partition, after);
    // A start outside of what the condition selects is an error to DynamoDB; behind the prefix there is nothing to find.
    if (start !== undefined && after?.startsWith(prefix) === false) return;
    do {
      const page = await this.#queryPage({ partition, prefix, start }, options);
      for (const attributes of page.Items ?? []) yield decodeRecord(attributes);
      start = page.LastEvaluatedKey;
    } while (start !== undefined);
  }

  async backupsKeptMillis(): Promise<number | undefined> {
    return this.#calling('read backups of', {}, () => backupsKeptMillis(this.#deps.client, this.#table));
  }

  async close(): Promise<void> {}

  #queryPage(
    asked: { readonly partition: string; readonly prefix: string; readonly start: Attributes | undefined },
    options: RequestOptions,
  ): Promise<QueryCommandOutput> {
    const { partition, prefix, start } = asked;
    const request = {
      TableName: this.#table,
      KeyConditionExpression: prefix === '' ? 'p = :p' : 'p = :p AND begins_with(s, :s)',
      ExpressionAttributeValues: { ':p': { S: partition }, ...(prefix === '' ? {} : { ':s': { S: prefix } }) },
      ConsistentRead: true,
      ...(start === undefined ? {} : { ExclusiveStartKey: start }),
    };
    return this.#calling('read from', options, () => this.#deps.client.send(new QueryCommand(request), abortable(options)));
  }

  async #calling<Result>(action: string, options: RequestOptions, attempt: (context: Try) => Promise<Result>): Promise<Result> {
    try {
      return await callRepeatedly(this.#deps, attempt, { timeMaxMillis: CALL_TIME_MAX_MILLIS, signal: options.signal });
    } catch (error) {
      throw translateDynamoDbError(error, { action, table: this.#table, signal: options.signal });
    }
  }
}

function putRequest(
  record: PutRecord,
  options: { readonly table: string; readonly writer: string; readonly condition: ControlCondition | undefined },
): UpdateItemCommandInput {
  const { condition } = options;
  return {
    TableName: options.table,
    Key: keyOf(record.partition, record.sort),
    UpdateExpression: 'SET b = :b, w = :w ADD r :one',
    ...(condition === undefined ? {} : { ConditionExpression: condition.kind === 'absent' ? 'attribute_not_exists(p)' : 'r = :r' }),
    ExpressionAttributeValues: {
      ':b': { B: record.bytes },
      ':w': { S: options.writer },
      ':one': number(1),
      ...(condition?.kind === 'revision' ? { ':r': number(condition.revision) } : {}),
    },
    ReturnValues: 'UPDATED_NEW',
    ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
  };
}

function keyOf(partition: string, sort: string): Attributes {
  return { p: { S: partition }, s: { S: sort } };
}

function decodeRecord(attributes: Attributes): ControlRecord {
  return {
    partition: attributes['p']?.S ?? '',
    sort: attributes['s']?.S ?? '',
    bytes: bytesOf(attributes['b'], 'b'),
    revision: numberOf(attributes['r'], 'r'),
  };
}
