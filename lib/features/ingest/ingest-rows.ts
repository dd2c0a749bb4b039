/** From a request's rows to a receipt: judge them, set aside what is at fault, commit, publish (semantics §11). */
import { isLakefoldError } from '../../core/errors.ts';
import { ERASURE } from '../../delta/erase/erasure.ts';
import type { Idempotency } from '../../delta/write/write-outcome.ts';
import type { FeatureDeps } from '../deps.ts';
import { ingest, type IngestRequest } from './ingest.ts';
import { type JudgedRows, judgeRows, type RowsRequest } from './judge-rows.ts';
import type { OpenGroup } from '../open-group.ts';
import { setAside } from '../quality/quarantine.ts';
import type { Receipt, ValidationReceipt } from './receipt.ts';
import { newReportId, writeReport } from '../quality/report-store.ts';
import type { ValidationReport } from '../quality/validation-report.ts';

export interface IngestRowsRequest extends RowsRequest {
  readonly wait: 'commit' | 'online';
  readonly allowEmpty?: boolean;
  readonly idempotency?: Idempotency;
  readonly committedBy?: string;
}

/**
 * What becomes of rows at fault, and of expectations that are not met, is the group's policy's to say: `STRICT` refuses the request,
 * `ALWAYS` refuses it for faulty rows alone, `QUARANTINE` sets rows aside. A refused request has written its report and nothing else.
 * @throws LakefoldError VALIDATION_FAILED with row, column and expectation of each fault, and `reportId`; what `judgeRows` and `ingest` throw
 */
export async function ingestRows(deps: FeatureDeps, group: OpenGroup, request: IngestRowsRequest): Promise<Receipt> {
  try {
    return await ingestOnce(deps, group, request);
  } catch (error) {
    // The keys it erased are known only now.
    if (!isLakefoldError(error, 'COMMIT_CONFLICT') || error.context['reason'] !== ERASURE) throw error;
    return ingestOnce(deps, group, request);
  }
}

async function ingestOnce(deps: FeatureDeps, group: OpenGroup, request: IngestRowsRequest): Promise<Receipt> {
  const judged = await judgeRows(deps, group, request);
  const common: Omit<IngestRequest, 'validation'> = {
    batch: judged.batch,
    warnings: judged.warnings,
    received: judged.received,
    rejected: judged.setAside.flatMap(({ faults }) => faults),
    rejectedRows: judged.setAside.length,
    dedupedBefore: judged.deduped,
    operation: request.operation,
    wait: request.wait,
    ...(request.allowEmpty === undefined ? {} : { allowEmpty: request.allowEmpty }),
    ...(request.idempotency === undefined ? {} : { idempotency: request.idempotency }),
    ...(request.committedBy === undefined ? {} : { committedBy: request.committedBy }),
    ...(request.signal === undefined ? {} : { signal: request.signal }),
  };
  return judged.isReported ? ingestReported(deps, group, { request: common, judged }) : ingest(deps, group, common);
}

/** The report that ingesting the rows would leave; nothing is written. @throws LakefoldError as `judgeRows` */
export async function validateOnly(deps: Pick<FeatureDeps, 'codec' | 'clock' | 'control'>, group: OpenGroup, request: RowsRequest): Promise<ValidationReport> {
  const { report } = await judgeRows(deps, group, request);
  return { ...report, ingestionResult: 'EXPERIMENT' };
}

async function ingestReported(
  deps: FeatureDeps,
  group: OpenGroup,
  { request, judged }: { readonly request: Omit<IngestRequest, 'validation'>; readonly judged: JudgedRows },
): Promise<Receipt> {
  const { report } = judged;
  const { root } = group.table;
  const ownId = newReportId(deps);
  if (report.ingestionResult === 'REJECTED') {
    await writeReport(deps, root, { ...report, reportId: ownId }, null);
    judged.refuse(ownId);
  }
  const reportId =
    judged.setAside.length === 0
      ? ownId
      : await setAside(deps, group, { rows: judged.setAside, reportId: ownId, idempotency: request.idempotency, signal: request.signal });
  const identified = { ...report, reportId };
  const { policy, success, ingestionResult } = report;
  const validation: ValidationReceipt = { policy, success, reportId, ingestionResult };
  const write = { txnId: deps.random.uuid(), base: group.table.snapshot.version };
  const hasRows = request.batch.rowCount > 0;
  // While the files are staged; both are awaited, whichever fails.
  const [written, done] = await Promise.allSettled([
    writeReport(deps, root, identified, hasRows ? write : null),
    ingest(deps, group, { ...request, validation, txnId: write.txnId }),
  ]);
  if (done.status === 'rejected') throw done.reason;
  if (written.status === 'rejected') deps.log.error('report.lost', { table: root, reportId, cause: String(written.reason) });
  const receipt = done.value;
  const { commit } = receipt;
  if (commit === null) return receipt;
  const settled = (): Promise<void> => writeReport(deps, root, { ...identified, commitVersion: commit.version }, write);
  // A repeat has no entry of its own in the log to tell.
  if (commit.alreadyApplied) await settled();
  else deps.background.run('settleReport', settled);
  return receipt;
}
