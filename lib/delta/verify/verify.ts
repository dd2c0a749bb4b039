/**
 * `verify`: the whole of a table held against itself (delta.md, "Maintenance"). Finds damage, repairs nothing, and reads
 * everything once: the log, then live files, then what earlier versions still need, then key columns for rows that are
 * there twice.
 */
import { LakefoldError } from '../../core/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import { logDirectory } from '../snapshot/log-path.ts';
import type { ReadDeps } from '../rows/read.ts';
import { verifyFiles } from './verify-files.ts';
import { Findings, type Finding } from './verify-findings.ts';
import { verifyHistory } from './verify-history.ts';
import { verifyLog, type VerifiedLog } from './verify-log.ts';
import { verifyKeys, verifyRows } from './verify-rows.ts';
import { VectorFiles } from './verify-vectors.ts';

export interface TableVerification {
  /** The newest version there is an entry of. */
  readonly version: number;
  /** At most `VERIFY_FINDINGS_MAX` of them. */
  readonly findings: readonly Finding[];
  readonly findingCount: number;
}

/** @throws LakefoldError TABLE_NOT_FOUND, UNSUPPORTED_TABLE_FEATURE, STORE_UNAVAILABLE: what is no damage */
export async function verifyTable(deps: ReadDeps & { readonly clock: Pick<Clock, 'now'> }, root: string): Promise<TableVerification> {
  const findings = new Findings();
  const log = await verifyLog(deps, root, findings);
  if (log === undefined) throw new LakefoldError('TABLE_NOT_FOUND', `expected a Delta log at ${logDirectory(root)}, found none`, { context: { path: root } });
  if (log.state !== undefined) {
    const vectors = new VectorFiles(deps.store, root, findings);
    await verifyFiles({ ...deps, vectors }, root, log.state, findings);
    await verifyHistory({ ...deps, vectors }, { root, snapshot: log.state, now: deps.clock.now() }, log.history, findings);
    // Of damaged files nothing more is read; their rows can't be told apart from rows that are there twice.
    if (findings.count === 0) {
      if (log.isKeyed) await verifyRows(deps, root, log.state, findings);
      await verifyKeys(deps, root, log.state, findings);
    }
  }
  nameUnsealed(log, findings);
  return { version: log.head, findings: findings.listed, findingCount: findings.count };
}

// What a changed entry now says wrong is reported before it, so that the cause stands last.
function nameUnsealed({ unsealed }: VerifiedLog, findings: Findings): void {
  for (const { version, path } of unsealed) {
    if (!findings.names(path)) findings.add('FILE_CORRUPT', `expected the bytes that the checksum of ${path} was made of, found others`, { path, version });
  }
}
