/**
 * Validation reports as objects beside the table (storage.md §1): `_lakefold/reports/<reportId>.json`.
 *
 * A report is written before the commit it is of, with the commit's `txnId`: accepted iff that is in the log. Once the
 * commit is known its version is written into the report, for the days when the log's entry is gone.
 */
import { utf8 } from '../../core/bytes.ts';
import { LakefoldError } from '../../core/errors.ts';
import { isRecord, parseJson, stringifyJson } from '../../core/json.ts';
import { PLAN_AGE_MAX_MILLIS, REPORTS_KEPT_MILLIS, STORE_READ_CONCURRENCY } from '../../core/limits.ts';
import { mapConcurrent } from '../../core/concurrency.ts';
import { joinPath, type ObjectPath } from '../../core/path.ts';
import { isUlid, millisOfUlid, ulid } from '../../core/ulid.ts';
import { readEntry } from '../../delta/changes/changes.ts';
import { commitInfoOf } from '../../delta/actions/commit-info.ts';
import { commitTime } from '../../delta/snapshot/time-travel.ts';
import type { Clock } from '../../ports/clock.ts';
import type { ObjectStore } from '../../ports/object-store.ts';
import type { Random } from '../../ports/random.ts';
import { groupName, type OpenGroup } from '../open-group.ts';
import type { ValidationReport } from './validation-report.ts';

const FORMAT = 1;
const PREFIX = 'vr_';
const NO_RANDOM = new Uint8Array(16);
/** The newest reports are looked for in this span first, ms; every further span is four times as long. */
const SPAN_MILLIS = 60 * 60 * 1000;

export interface ReportDeps {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly random: Random;
}

/** What a report says of the commit to come. */
export interface ReportedWrite {
  readonly txnId: string;
  /** The commit is after this version. */
  readonly base: number;
}

export function newReportId(deps: Pick<ReportDeps, 'clock' | 'random'>): string {
  return `${PREFIX}${ulid(deps.clock.now(), deps.random.bytes(16))}`;
}

/** Writes the report, or what became of it; `write` is null where no commit follows. */
export async function writeReport(
  deps: Pick<ReportDeps, 'store'>,
  root: string,
  report: ValidationReport & { readonly reportId: string },
  write: ReportedWrite | null,
): Promise<void> {
  const { txnId, base } = write ?? { txnId: null, base: null };
  await deps.store.overwrite(pathOf(root, report.reportId), utf8(stringifyJson({ format: FORMAT, txnId, base, ...report })));
}

/** The report, as it is answered. @throws LakefoldError UNKNOWN_REPORT, also when it is older than reports are kept */
export async function readReport(deps: ReportDeps, group: OpenGroup, reportId: string): Promise<ValidationReport> {
  const isKept = reportId.startsWith(PREFIX) && isUlid(reportId.slice(PREFIX.length)) && millisOf(reportId) > deps.clock.now() - REPORTS_KEPT_MILLIS;
  const report = isKept ? await findReport(deps, group, reportId) : undefined;
  if (report !== undefined) return report;
  throw new LakefoldError('UNKNOWN_REPORT', `expected a validation report of ${groupName(group.definition)}, found none called ${JSON.stringify(reportId)}`, {
    context: { report: reportId },
  });
}

/** Newest first, from the one before `before`. */
export async function* listReports(deps: ReportDeps, group: OpenGroup, options: { readonly before?: string } = {}): AsyncIterable<ValidationReport> {
  let ids: string[] = [];
  for await (const id of newestIds(deps, group.table.root, options.before)) {
    ids.push(id);
    if (ids.length < STORE_READ_CONCURRENCY) continue;
    yield* await reportsOf(deps, group, ids);
    ids = [];
  }
  yield* await reportsOf(deps, group, ids);
}

async function reportsOf(deps: ReportDeps, group: OpenGroup, ids: readonly string[]): Promise<readonly ValidationReport[]> {
  const found = await mapConcurrent(ids, { concurrencyMax: STORE_READ_CONCURRENCY }, (id) => findReport(deps, group, id));
  return found.flatMap((report) => (report === undefined ? [] : [report]));
}

async function* newestIds(deps: ReportDeps, root: string, before: string | undefined): AsyncIterable<string> {
  const oldest = deps.clock.now() - REPORTS_KEPT_MILLIS + 1;
  let upper = before;
  let from = before === undefined ? deps.clock.now() : millisOf(before);
  for (let span = SPAN_MILLIS; from > oldest; span *= 4) {
    from = Math.max(oldest, from - span);
    const ids: string[] = [];
    const lower = `${PREFIX}${ulid(from, NO_RANDOM)}`;
    for await (const { path } of deps.store.list(folderOf(root), { startAfter: `${folderOf(root)}${lower}` })) {
      const id = idOf(path);
      if (id === undefined) continue;
      if (upper !== undefined && id >= upper) break;
      ids.push(id);
    }
    yield* ids.toReversed();
    upper = lower;
  }
}

interface StoredReport extends ValidationReport {
  readonly format: typeof FORMAT;
  readonly txnId: string | null;
  readonly base: number | null;
}

// What else stands in an object of this format is as it was written.
function isStored(json: unknown): json is StoredReport {
  return isRecord(json) && json['format'] === FORMAT && typeof json['reportId'] === 'string' && Array.isArray(json['results']);
}

async function findReport(deps: ReportDeps, group: OpenGroup, id: string): Promise<ValidationReport | undefined> {
  const path = pathOf(group.table.root, id);
  const stored = await deps.store.get(path);
  if (stored === undefined) return undefined;
  const json: unknown = parseJson(stored.bytes);
  if (!isStored(json)) {
    const isNewer = isRecord(json) && typeof json['format'] === 'number' && json['format'] > FORMAT;
    throw new LakefoldError(isNewer ? 'UNSUPPORTED_FORMAT' : 'CORRUPT_STORE', `expected a validation report of format ${FORMAT} in ${path}, found another`, {
      context: { path },
    });
  }
  const { format: _format, txnId, base, ...report } = json;
  if (txnId === null || base === null || report.commitVersion !== null) return report;
  const outcome = await outcomeOf(deps, group, { txnId, base, writtenAt: millisOf(id) });
  switch (outcome) {
    case 'absent':
      // What was accepted did not become part of the table.
      return { ...report, ingestionResult: 'REJECTED' };
    case 'expired':
      return report;
    default:
      return { ...report, commitVersion: outcome };
  }
}

/** Number of entries read at a time. */
const WINDOW = 8;

/** The version with this `txnId`; `expired` where the log no longer tells. */
async function outcomeOf(
  deps: ReportDeps,
  group: OpenGroup,
  { txnId, base, writtenAt }: ReportedWrite & { readonly writtenAt: number },
): Promise<number | 'absent' | 'expired'> {
  const { root } = group.table;
  const head = (await group.table.refresh()).version;
  for (let from = base + 1; from <= head; from += WINDOW) {
    const versions = Array.from({ length: Math.min(WINDOW, head - from + 1) }, (_, i) => from + i);
    for (const entry of await mapConcurrent(versions, { concurrencyMax: WINDOW }, (version) => readEntry(deps, root, version))) {
      if (entry === undefined) return 'expired';
      const info = commitInfoOf(entry.actions);
      if (info?.txnId === txnId) return entry.version;
      // A write planned longer ago than this is not committed.
      if (commitTime(info, entry.modifiedAt, undefined) > writtenAt + PLAN_AGE_MAX_MILLIS) return 'absent';
    }
  }
  return 'absent';
}

function folderOf(root: string): string {
  return `${joinPath(root, '_lakefold/reports')}/`;
}

function pathOf(root: string, reportId: string): ObjectPath {
  return joinPath(root, `_lakefold/reports/${reportId}.json`);
}

function idOf(path: string): string | undefined {
  const id = /([^/]+)\.json$/.exec(path)?.[1];
  return id !== undefined && id.startsWith(PREFIX) && isUlid(id.slice(PREFIX.length)) ? id : undefined;
}

function millisOf(reportId: string): number {
  return millisOfUlid(reportId.slice(PREFIX.length));
}
