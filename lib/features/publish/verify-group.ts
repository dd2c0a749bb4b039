/** A group held against itself (architecture rule 9): its table, and its online values against the table; and healing what differs. */
import { VERIFY_FINDINGS_MAX, VERIFY_JUDGED_KEYS } from '../../core/limits.ts';
import type { JsonObject } from '../../core/json.ts';
import { decodeKey, type EntityKey } from '../../core/keys.ts';
import type { FindingCode } from '../../delta/verify/verify-findings.ts';
import { verifyTable } from '../../delta/verify/verify.ts';
import { type CompareInput, type DifferenceCode, findSuspects, healKeys, judgeKeys } from '../../online/compare-online.ts';
import { toJson } from '../../online/json-output.ts';
import type { RequestOptions } from '../../ports/object-store.ts';
import type { FeatureDeps } from '../deps.ts';
import { foldSourceOf } from './fold-source.ts';
import { refreshGroup, settleSwitch } from './generations.ts';
import { groupName, type OpenGroup } from '../open-group.ts';
import { publishGroup } from './publish-group.ts';

export interface GroupFinding {
  readonly code: FindingCode | DifferenceCode | 'INVALID_ROW' | 'FUTURE_EVENT_TIME';
  readonly key: JsonObject | null;
  /** Under the table. */
  readonly path: string | null;
  readonly version: number | null;
  readonly message: string;
}

/** What `:verify` answers. */
export interface GroupVerification {
  readonly ok: boolean;
  /** Of the table, its newest. */
  readonly version: number;
  /** Null where nothing is published, or online values were not looked at. */
  readonly watermark: number | null;
  readonly keysCompared: number | null;
  /** The first thousand. */
  readonly findings: readonly GroupFinding[];
  readonly findingCount: number;
}

const FOUND: Readonly<Record<DifferenceCode, string>> = {
  MISSING_ONLINE: 'expected the newest row of the key online, found none',
  EXTRA_ONLINE: 'expected nothing of the key online, found a record that the table does not have',
  VALUE_DIFFERS: 'expected the values of the newest row of the key online, found others under its order',
  ORDER_DIFFERS: 'expected the newest row of the key online, found another record',
};

/** Every difference, counted; repairs nothing. Online values are skipped where the group is not online. */
export async function verifyGroup(
  deps: FeatureDeps,
  opened: OpenGroup,
  options: RequestOptions & { readonly table: boolean; readonly online: boolean },
): Promise<GroupVerification> {
  const { table, online, ...request } = options;
  const listed: GroupFinding[] = [];
  let findingCount = 0;
  const add = (finding: GroupFinding): void => {
    findingCount += 1;
    if (listed.length < VERIFY_FINDINGS_MAX) listed.push(finding);
  };
  const ofTable = table ? await verifyTable(deps, opened.table.root) : undefined;
  for (const finding of ofTable?.findings ?? []) add(finding);
  findingCount += (ofTable?.findingCount ?? 0) - (ofTable?.findings.length ?? 0);
  const compared =
    online && opened.definition.onlineEnabled
      ? await compareGroup(deps, opened, { ...request, add, listsInvalid: !table })
      : { watermark: null, keysCompared: null };
  const version = ofTable?.version ?? (await opened.table.refresh()).version;
  return { ok: findingCount === 0, version, ...compared, findings: listed, findingCount };
}

async function compareGroup(
  deps: FeatureDeps,
  opened: OpenGroup,
  {
    add,
    listsInvalid,
    ...request
  }: RequestOptions & {
    readonly add: (finding: GroupFinding) => void;
    /** The table's own verification names them by file. */
    readonly listsInvalid: boolean;
  },
): Promise<{ readonly watermark: number | null; readonly keysCompared: number }> {
  const group = await settleSwitch(deps, opened);
  const input = compareInput(deps, group);
  const watermark = await deps.online.watermark(group.onlineTable, { ...request, consistent: true });
  const version = watermark?.version ?? -1;
  if (version < 0) return { watermark: null, keysCompared: 0 };
  let keysCompared = 0;
  for await (const looked of findSuspects(deps, { ...input, version }, request)) {
    keysCompared += looked.keysCompared;
    for (const keys of chunks(looked.suspects)) {
      for (const { key, code, version: at } of await judgeKeys(deps, input, keys, request))
        add({ code, key: keyJson(group, key), path: null, version: at, message: `${FOUND[code]} in ${groupName(group.definition)}` });
    }
    for (let i = 0; listsInvalid && i < looked.invalid; i += 1)
      add({
        code: 'INVALID_ROW',
        key: null,
        path: null,
        version,
        message: `expected a key and an event time in every row of ${groupName(group.definition)}, found a row without`,
      });
    for (const key of looked.future)
      add({
        code: 'FUTURE_EVENT_TIME',
        key: keyJson(group, key),
        path: null,
        version,
        message: `expected event times until now and ${group.definition.maxFutureSkew ?? ''}, found a later one`,
      });
  }
  return { watermark: version, keysCompared };
}

export interface Repaired {
  readonly from: number;
  readonly to: number;
  /** Items written with the table's row, and with a mark that it has none. */
  readonly applied: number;
  readonly deleted: number;
}

/** Publishes up to the head, then writes over every item that differs, while values are served and published. @throws LakefoldError STORE_THROTTLED */
export async function repairGroup(deps: FeatureDeps, opened: OpenGroup, options: RequestOptions = {}): Promise<Repaired> {
  const { from, to } = await publishGroup(deps, opened);
  const group = await settleSwitch(deps, opened);
  const input = compareInput(deps, group);
  let [applied, deleted] = [0, 0];
  for await (const { suspects } of findSuspects(deps, { ...input, version: to }, options)) {
    for (const keys of chunks(suspects)) {
      const healed = await healKeys(deps, input, keys, options);
      applied += healed.written;
      deleted += healed.deleted;
    }
  }
  deps.log.info('online.repaired', { project: group.project, group: groupName(group.definition), version: to, applied, deleted });
  return { from, to: (await publishGroup(deps, await refreshGroup(deps, group))).to, applied, deleted };
}

function compareInput(deps: FeatureDeps, group: OpenGroup): CompareInput {
  const source = foldSourceOf(deps, group.table, { keyColumns: group.keyColumns });
  return { table: group.onlineTable, source, group: group.fold, schemas: group.state.schemas };
}

function* chunks(keys: readonly EntityKey[]): Iterable<readonly EntityKey[]> {
  for (let start = 0; start < keys.length; start += VERIFY_JUDGED_KEYS) yield keys.slice(start, start + VERIFY_JUDGED_KEYS);
}

/** Null for bytes that are no key of the group. */
function keyJson(group: OpenGroup, key: EntityKey): JsonObject | null {
  try {
    const values = decodeKey(
      group.keyColumns.map(({ type }) => type),
      key,
    );
    return Object.fromEntries(group.keyColumns.map(({ name, type }, i) => [name, toJson(type, values[i] ?? null, { bigintAs: 'number' })]));
  } catch {
    return null;
  }
}
