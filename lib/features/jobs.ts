/** Long work and how far it came: records of the control store, kept until they are taken away (storage.md §4, `job/<project>`). */
import { utf8 } from '../core/bytes.ts';
import { type Json, type JsonObject, isJsonObject, parseJson, stringifyJson } from '../core/json.ts';
import { LakefoldError } from '../core/errors.ts';
import { formatMillis } from '../core/time.ts';
import { ulid } from '../core/ulid.ts';
import type { Clock } from '../ports/clock.ts';
import type { Control } from '../ports/control.ts';
import type { Random } from '../ports/random.ts';

export type JobState = 'QUEUED' | 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'CANCELLED';

/** `<Job>` of shapes.md. */
export interface Job {
  readonly id: string;
  readonly type: 'rows' | 'trainingDataset' | 'erase' | 'optimize' | 'vacuum' | 'publish';
  readonly state: JobState;
  readonly progress: { readonly done: number; readonly total: number; readonly unit: string };
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly result: object | null;
  readonly error: object | null;
}

/** A job with what its worker needs to go on; `memo` is JSON and never shown. */
export interface JobRecord {
  readonly job: Job;
  readonly memo: JsonObject;
}

interface JobDeps {
  readonly control: Control;
  readonly clock: Pick<Clock, 'now'>;
  readonly random: Pick<Random, 'bytes'>;
}

/** A job that runs from now on. */
export function newJob(deps: Omit<JobDeps, 'control'>, of: Pick<Job, 'type' | 'progress'>): Job {
  const now = deps.clock.now();
  const at = formatMillis(now);
  return { id: `jb_${ulid(now, deps.random.bytes(16))}`, ...of, state: 'RUNNING', createdAt: at, startedAt: at, finishedAt: null, result: null, error: null };
}

export async function saveJob(deps: Pick<JobDeps, 'control'>, project: string, record: JobRecord): Promise<void> {
  await deps.control.put({ partition: `job/${project}`, sort: record.job.id, bytes: utf8(stringifyJson(record)) });
}

/** Oldest first, as their ids are. */
export async function* readJobs(deps: Pick<JobDeps, 'control'>, project: string, options: { readonly after?: string } = {}): AsyncIterable<JobRecord> {
  for await (const { bytes } of deps.control.query(`job/${project}`, options)) yield recordIn(bytes);
}

/** Writes the record where nobody did since it had `revision`; false otherwise. */
export async function replaceJob(
  deps: Pick<JobDeps, 'control'>,
  project: string,
  { record, revision }: { readonly record: JobRecord; readonly revision: number },
): Promise<boolean> {
  const put = { partition: `job/${project}`, sort: record.job.id, bytes: utf8(stringifyJson(record)) };
  return (await deps.control.put(put, { condition: { kind: 'revision', revision } })) !== undefined;
}

/** @throws LakefoldError UNKNOWN_JOB */
export async function readJob(deps: Pick<JobDeps, 'control'>, project: string, id: string): Promise<Job> {
  return (await readJobRecord(deps, project, id)).record.job;
}

/** The job with its memo, and which revision of it that is. @throws LakefoldError UNKNOWN_JOB */
export async function readJobRecord(
  deps: Pick<JobDeps, 'control'>,
  project: string,
  id: string,
): Promise<{ readonly record: JobRecord; readonly revision: number }> {
  const record = /^jb_[0-9A-Z]{26}$/.test(id) ? await deps.control.get(`job/${project}`, id, { consistent: true }) : undefined;
  if (record === undefined)
    throw new LakefoldError('UNKNOWN_JOB', `expected a job of project ${project}, found ${JSON.stringify(id.slice(0, 80))}`, {
      context: { job: id.slice(0, 80) },
    });
  return { record: recordIn(record.bytes), revision: record.revision };
}

function recordIn(bytes: Uint8Array): JobRecord {
  const parsed: Json = parseJson(bytes);
  const job = isJsonObject(parsed) ? parsed['job'] : undefined;
  const memo = isJsonObject(parsed) ? parsed['memo'] : undefined;
  if (job === undefined || memo === undefined || !isJsonObject(job) || !isJsonObject(memo))
    throw new LakefoldError('CORRUPT_STORE', 'expected a job and its memo in a job record, found something else');
  // Written by `saveJob` alone.
  return { job: job as unknown as Job, memo };
}
