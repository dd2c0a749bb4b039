/**
 * Rows that are committed after the answer (shapes.md, `mode=queued`), by this process: they are kept as an upload, and a job tells what
 * became of them. What a process that ended left undone, the next one takes up; a key of the request's own makes a repeat harmless.
 */
import { isJsonObject, type JsonObject, parseJson, stringifyJson } from '../../lib/core/json.ts';
import { LakefoldError, toProblem } from '../../lib/core/errors.ts';
import { IDEMPOTENCY_WINDOW_MILLIS } from '../../lib/core/limits.ts';
import { formatMillis } from '../../lib/core/time.ts';
import type { Idempotency } from '../../lib/delta/write/write-outcome.ts';
import type { FeatureDeps } from '../../lib/features/deps.ts';
import { ingestRows, type IngestRowsRequest } from '../../lib/features/ingest/ingest-rows.ts';
import { ROWS_FORMATS, type RowsFile } from '../../lib/features/ingest/judge-rows.ts';
import { type Job, type JobRecord, newJob, readJobRecord, readJobs, replaceJob, saveJob } from '../../lib/features/jobs.ts';
import type { Projects } from '../../lib/features/definitions/projects.ts';
import { announceUpload, dropUpload, keepUpload, openUpload } from '../../lib/features/ingest/uploads.ts';
import { listProjects } from '../../lib/registry/location.ts';
import { publicError } from '../http/problem.ts';

/** How long queued rows are kept for a process that takes them up, ms: as long as jobs are. */
const KEPT_MILLIS = 7 * 24 * 60 * 60 * 1000;

export interface QueuedRowsDeps extends FeatureDeps {
  readonly projects: Projects;
}

/** Rows of a request as they came, and how they are to be written. */
export interface QueuedRequest extends Omit<IngestRowsRequest, 'rows' | 'signal'> {
  readonly project: string;
  readonly name: string;
  readonly version: number;
  readonly rows: RowsFile;
}

/** One request after another, in the order they came. */
export class RowsQueue {
  readonly #deps: QueuedRowsDeps;
  #tail: Promise<void> = Promise.resolve();

  constructor(deps: QueuedRowsDeps) {
    this.#deps = deps;
  }

  /** Rows and job are durable when it answers. @throws LakefoldError PAYLOAD_TOO_LARGE, STORE_UNAVAILABLE */
  async add(request: QueuedRequest): Promise<Job> {
    const { project, name, version, rows, ...how } = request;
    const upload = await announceUpload(this.#deps, {
      project,
      bytes: rows.body.length,
      contentType: 'application/octet-stream',
      lifetimeMillis: KEPT_MILLIS,
    });
    await keepUpload(this.#deps, { project, uploadId: upload.uploadId }, rows.body);
    const running = newJob(this.#deps, { type: 'rows', progress: { done: 0, total: 0, unit: 'rows' } });
    const job: Job = { ...running, state: 'QUEUED', startedAt: null };
    const memo = parseJson(stringifyJson({ name, version, format: rows.format, uploadId: upload.uploadId, how }));
    if (!isJsonObject(memo)) throw new LakefoldError('INTERNAL', 'expected a request as an object');
    await saveJob(this.#deps, project, { job, memo });
    this.#follow(project, job.id);
    return job;
  }

  /** A job that waits is taken back, one that is over stays as it is. @throws LakefoldError UNKNOWN_JOB, UNSUPPORTED_OPERATION for one under way */
  async cancel(project: string, id: string): Promise<Job> {
    const { record, revision } = await readJobRecord(this.#deps, project, id);
    if (record.job.finishedAt !== null) return record.job;
    const job: Job = { ...record.job, state: 'CANCELLED', finishedAt: formatMillis(this.#deps.clock.now()) };
    if (record.job.state !== 'QUEUED' || !(await replaceJob(this.#deps, project, { record: { ...record, job }, revision })))
      throw new LakefoldError('UNSUPPORTED_OPERATION', `expected a job that waits, found ${id} under way: its rows are committed all or none`);
    await this.#dropRows(project, record.memo);
    return job;
  }

  /** Takes up, oldest first, what waits or was under way when a process ended. */
  async resume(): Promise<void> {
    for (const project of await listProjects(this.#deps))
      for await (const { job } of readJobs(this.#deps, project)) if (job.type === 'rows' && job.finishedAt === null) this.#follow(project, job.id);
  }

  #follow(project: string, id: string): void {
    this.#deps.background.run('queuedRows', async () => {
      this.#tail = this.#tail.then(() => this.#carryOut(project, id)).catch((error: unknown) => this.#deps.log.error('job.lost', { job: id, error }));
      await this.#tail;
    });
  }

  async #carryOut(project: string, id: string): Promise<void> {
    const deps = this.#deps;
    const { record, revision } = await readJobRecord(deps, project, id);
    const { job, memo } = record;
    if (job.finishedAt !== null) return;
    const running: JobRecord = { job: { ...job, state: 'RUNNING', startedAt: job.startedAt ?? formatMillis(deps.clock.now()) }, memo };
    // Cancelled, or taken up by another process.
    if (!(await replaceJob(deps, project, { record: running, revision }))) return;
    const done = await this.#ingest(project, running);
    await saveJob(deps, project, { job: { ...running.job, ...done, finishedAt: formatMillis(deps.clock.now()) }, memo });
    await this.#dropRows(project, memo);
  }

  async #ingest(project: string, { job, memo }: JobRecord): Promise<Pick<Job, 'state' | 'result' | 'error' | 'progress'>> {
    try {
      const { name, version, uploadId, format, how } = queuedOf(memo);
      const source = await openUpload(this.#deps, { project, uploadId });
      const own: Idempotency = { kind: 'request', key: `lakefold/${job.id}`, bodyHash: uploadId, windowMillis: IDEMPOTENCY_WINDOW_MILLIS };
      const receipt = await ingestRows(this.#deps, await this.#deps.projects.group(project, name, version), {
        idempotency: own,
        ...how,
        rows: format === 'parquet' ? { format, body: source } : { format, body: await source.readAll() },
      });
      return { state: 'SUCCEEDED', result: receipt, error: null, progress: { done: receipt.received, total: receipt.received, unit: 'rows' } };
    } catch (error) {
      const shown = publicError(error);
      if (shown === undefined) this.#deps.log.error('job.failed', { job: job.id, error });
      return { state: 'FAILED', result: null, error: toProblem(shown, this.#deps.random.uuid()), progress: job.progress };
    }
  }

  async #dropRows(project: string, memo: JsonObject): Promise<void> {
    await dropUpload(this.#deps, { project, uploadId: queuedOf(memo).uploadId });
  }
}

interface Queued {
  readonly name: string;
  readonly version: number;
  readonly uploadId: string;
  readonly format: RowsFile['format'];
  readonly how: Omit<IngestRowsRequest, 'rows'>;
}

/** @throws LakefoldError CORRUPT_STORE */
function queuedOf(memo: JsonObject): Queued {
  const { name, version, uploadId, how } = memo;
  const format = ROWS_FORMATS.find((candidate) => candidate === memo['format']);
  if (
    typeof name !== 'string' ||
    typeof version !== 'number' ||
    typeof uploadId !== 'string' ||
    format === undefined ||
    how === undefined ||
    !isJsonObject(how)
  )
    throw new LakefoldError('CORRUPT_STORE', 'expected queued rows in the memo of a job, found something else');
  // Written by `add` alone.
  return { name, version, uploadId, format, how: how as unknown as Queued['how'] };
}
