/**
 * `verify`: the whole of a table held against itself (delta.md, "Maintenance"). Finds damage, repairs nothing, and reads
 * everything once: the log, then live files one after another, then key columns for rows that are there twice.
 */
import { LakefoldError } from '../core/errors.ts';
import { logDirectory } from './log-path.ts';
import type { ReadDeps } from './read.ts';
import { verifyFiles } from './verify-files.ts';
import { Findings, type Finding } from './verify-findings.ts';
import { verifyLog, type VerifiedLog } from './verify-log.ts';
import { verifyRows } from './verify-rows.ts';

export interface TableVerification {
  /** The newest version there is an entry of. */
  readonly version: number;
  /** At most `VERIFY_FINDINGS_MAX` of them. */
  readonly findings: readonly Finding[];
  readonly findingCount: number;
}

/** Findings whose version is that of the entry which is wrong. */
const OF_ENTRIES: ReadonlySet<string> = new Set(['DUPLICATE_ADD', 'DUPLICATE_ROW', 'DELETION_VECTOR_DIFFERS', 'PATH_OUTSIDE_TABLE']);

/** @throws LakefoldError TABLE_NOT_FOUND, UNSUPPORTED_TABLE_FEATURE, STORE_UNAVAILABLE: what is no damage */
export async function verifyTable(deps: ReadDeps, root: string): Promise<TableVerification> {
  const findings = new Findings();
  const log = await verifyLog(deps, root, findings);
  if (log === undefined) throw new LakefoldError('TABLE_NOT_FOUND', `expected a Delta log at ${logDirectory(root)}, found none`, { context: { path: root } });
  if (log.state !== undefined) {
    await verifyFiles(deps, root, log.state, findings);
    // Rows of damaged files can't be told apart from rows that are there twice.
    if (log.isKeyed && findings.count === 0) await verifyRows(deps, root, log.state, findings);
  }
  nameUnsealed(log, findings);
  return { version: log.head, findings: findings.listed, findingCount: findings.count };
}

// A changed entry is reported by what it now says wrong, and as changed where nothing it says is.
function nameUnsealed({ unsealed }: VerifiedLog, findings: Findings): void {
  for (const { version, path, paths } of unsealed) {
    const isExplained = findings.listed.some(
      (finding) => (finding.path !== null && paths.has(finding.path)) || (finding.version === version && OF_ENTRIES.has(finding.code)),
    );
    if (!isExplained) findings.add('FILE_CORRUPT', `expected the bytes that the checksum of ${path} was made of, found others`, { path, version });
  }
}
