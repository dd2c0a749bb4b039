/** A local file that is larger than a request's body may be: the same ingestion, without the request. */
import { randomUUID } from 'node:crypto';
import { sha256, toBase32 } from '../lib/core/bytes.ts';
import { isJsonObject, parseJson, stringifyJson } from '../lib/core/json.ts';
import { LakefoldError } from '../lib/core/errors.ts';
import { IDEMPOTENCY_WINDOW_MILLIS } from '../lib/core/limits.ts';
import { duration } from '../lib/core/time.ts';
import { ingestRows } from '../lib/features/ingest/ingest-rows.ts';
import type { RowsProgress } from '../lib/features/ingest/typed-rows.ts';
import type { JsonAnswer } from './client.ts';
import type { LocalStore } from './local-store.ts';
import type { RowsFile } from './option-values.ts';

export interface LargeFile {
  readonly name: string;
  readonly version: number;
  readonly rows: RowsFile;
  /** Idempotency key. */
  readonly key: string;
  readonly onProgress?: RowsProgress;
  readonly query: {
    readonly operation: 'upsert' | 'append' | 'overwrite' | undefined;
    readonly wait: 'commit' | 'online' | undefined;
    readonly timezone: string | undefined;
    readonly ignoreUnknown: boolean | undefined;
    readonly allowEmpty: boolean | undefined;
  };
}

/** What the route would answer. @throws LakefoldError as the route */
export async function ingestLargeFile(
  { store, project }: { readonly store: LocalStore; readonly project: string },
  { name, version, rows, key, query, onProgress }: LargeFile,
): Promise<JsonAnswer> {
  const group = await store.projects.group(project, name, version);
  const { operation = 'upsert', ignoreUnknown = false, allowEmpty = false, timezone } = query;
  const receipt = await ingestRows(store.deps, group, {
    rows: { format: rows.format, body: rows.bytes },
    operation,
    ignoreUnknown,
    allowEmpty,
    wait: query.wait ?? (group.definition.onlineEnabled ? 'online' : 'commit'),
    ...(timezone === undefined ? {} : { timezone }),
    ...(onProgress === undefined ? {} : { onProgress }),
    idempotency: {
      kind: 'request',
      key,
      bodyHash: toBase32(sha256(rows.bytes)),
      windowMillis: Math.min(Number(duration(group.definition.idempotencyRetention) / 1000n), IDEMPOTENCY_WINDOW_MILLIS),
    },
  });
  const text = stringifyJson({ ...receipt, requestId: randomUUID() });
  const body = parseJson(text);
  if (!isJsonObject(body)) throw new LakefoldError('INTERNAL', 'expected a receipt');
  return { text, body };
}
