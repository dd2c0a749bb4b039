/** `_last_checkpoint` against the checkpoints there are. */
import { checkSeal } from '../../core/seal.ts';
import { parseLastCheckpoint } from '../checkpoint/last-checkpoint.ts';
import { lastCheckpointPath } from '../snapshot/log-path.ts';
import type { CheckpointFiles, LogListing } from '../snapshot/log-segment.ts';
import type { ReadDeps } from '../rows/read.ts';
import type { Findings } from './verify-findings.ts';

const PATH = '_delta_log/_last_checkpoint';

export async function verifyPointer(deps: ReadDeps, root: string, listing: LogListing, findings: Findings): Promise<void> {
  const [newest] = listing.checkpoints;
  const bytes = (await deps.store.get(lastCheckpointPath(root)))?.bytes;
  const expected = `expected ${PATH} to point at ${newest === undefined ? 'nothing' : `version ${newest.version}`}`;
  if (bytes === undefined) {
    // Tables of other engines do without.
    if (newest !== undefined && (await isSealed(deps, newest))) findings.add('STALE_POINTER', `${expected}, found nothing there`, { path: PATH });
    return;
  }
  const pointed = parseLastCheckpoint(bytes);
  if (pointed !== undefined && pointed.version === newest?.version) return;
  if (pointed?.name !== undefined && pointed.version > (newest?.version ?? -1) && checkSeal(bytes) === 'intact') {
    const { name, version } = pointed;
    const path = `_delta_log/${name}`;
    findings.add('MISSING_FILE', `expected the checkpoint ${path}, which ${PATH} points at, found nothing there`, { path, version });
    return;
  }
  findings.add('STALE_POINTER', `${expected}, found ${pointed === undefined ? 'what makes no sense' : `version ${pointed.version}`}`, { path: PATH });
}

async function isSealed({ store, codec }: ReadDeps, { files, format }: CheckpointFiles): Promise<boolean> {
  const [top] = files;
  const bytes = top === undefined ? undefined : (await store.get(top.path))?.bytes;
  if (bytes === undefined) return false;
  return (format === 'json' ? checkSeal(bytes) : await codec.checkSeal(bytes)) !== 'absent';
}
