/**
 * What was known when (P14), as SQL over a group's rows at the pin and the rows these replaced.
 *
 * The versions of one record stand in the order in which they were replaced, the one at the pin last. At an instant τ the
 * last of them received by τ counts, found by walking back from the pin; so a version counts only from its receipt until the
 * first receipt of any later one. With τ the label time each version becomes visible at one instant, the later of its event
 * time and its receipt, and of those visible the greatest in the order of records wins: only those greater than all that
 * were visible before them can, and among these an as-of join finds the winner.
 */
import { INGESTED_AT } from '../core/names.ts';
import { quoteName } from './sql-text.ts';

/** τ, and what is known of the versions before the pin. */
export interface KnownAsOf {
  /** µs, or each row's own label time. */
  readonly at: bigint | 'labelTime';
  /** Relation of replaced rows with the columns of the group and `STEP`; undefined where nothing was replaced. */
  readonly history: string | undefined;
  /** What a row received by then (µs) replaced can't be read any more; undefined where all of it can. */
  readonly unknownBefore: bigint | undefined;
  /** Whether records of which it is not known what they were then are found, as such (`__found` is `UNKNOWN_FOUND`). */
  readonly showUnknown: boolean;
}

/** Column of a history relation: the commit that replaced the row. */
export const STEP = '__step';
export const UNKNOWN_FOUND = 2;

const PINNED_STEP = '9223372036854775807';
/** Before every receipt. */
const NEVER = '(-4611686018427387904)';

/** What is joined, by the names of the columns; `event` is SQL for the event time in µs. */
export interface KnownRows {
  readonly known: KnownAsOf;
  readonly pinned: string;
  readonly columns: readonly string[];
  readonly keys: readonly string[];
  /** Keys, and the event time where there is one. */
  readonly identity: readonly string[];
  readonly event: string;
  /** Added to the event time to give the first instant at which it may count; undefined where any label time may see it. */
  readonly delayMicros: bigint | undefined;
}

/**
 * A SELECT of `columns`, `__event`, `__at`, `__found` and, for the label time, `__visible`: what may be picked. For an instant
 * one row a record; for the label time those that win from `__visible` on.
 */
export function knownRowsSql(rows: KnownRows): string {
  const { known } = rows;
  const versions = `SELECT *, 1 AS __found FROM (${versionsSql(rows)})`;
  const all = known.showUnknown && known.unknownBefore !== undefined ? `${versions} UNION ALL ${unknownSql(rows, known.unknownBefore)}` : versions;
  if (known.at !== 'labelTime')
    return `SELECT * FROM (${all}) WHERE __at <= ${known.at} QUALIFY row_number() OVER (${partition(rows.identity)} ORDER BY __at DESC) = 1`;
  const visible = rows.delayMicros === undefined ? '__at' : `greatest(__event + ${rows.delayMicros}, __at)`;
  // One number that orders as (event time, receipt) does.
  const ranked = `SELECT *, ${visible} AS __visible, CAST(__event AS HUGEINT) * 18446744073709551616 + __at AS __rank FROM (${all})`;
  const best = `SELECT *, max(__rank) OVER (${partition(rows.keys)} ORDER BY __visible, __rank ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS __before FROM (${ranked} QUALIFY row_number() OVER (${partition([...rows.keys, '__visible'])} ORDER BY __rank DESC) = 1)`;
  return `SELECT * FROM (${best}) WHERE __before IS NULL OR __rank > __before`;
}

/** Versions of records that are there at the pin, without those no τ can mean. */
function versionsSql({ known, pinned, columns, identity, event }: KnownRows): string {
  const select = (from: string, step: string): string =>
    `SELECT ${[...columns, `${event} AS __event`, `epoch_us(${quoteName(INGESTED_AT)}) AS __at`, `${step} AS ${STEP}`].join(', ')} FROM ${from}`;
  const current = select(pinned, PINNED_STEP);
  if (known.history === undefined) return current;
  const on = identity.map((name) => `h.${name} = p.${name}`).join(' AND ') || 'TRUE';
  const replaced = select(`(SELECT h.* FROM ${quoteName(known.history)} h SEMI JOIN ${pinned} p ON ${on})`, STEP);
  const withLater = `SELECT *, min(__at) OVER (${partition(identity)} ORDER BY ${STEP} DESC GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS __later FROM (${current} UNION ALL ${replaced})`;
  return `SELECT * EXCLUDE (__later) FROM (${withLater}) WHERE __later IS NULL OR __at < __later`;
}

/** For each record whose first version that can be read may have replaced another: that other, of which nothing is known. */
function unknownSql(rows: KnownRows, before: bigint): string {
  const first = `SELECT * FROM (${versionsSql(rows)}) QUALIFY row_number() OVER (${partition(rows.identity)} ORDER BY __at) = 1`;
  return `SELECT * REPLACE (${NEVER} AS __at), ${UNKNOWN_FOUND} AS __found FROM (${first}) WHERE __at <= ${before}`;
}

function partition(names: readonly string[]): string {
  return names.length === 0 ? '' : `PARTITION BY ${names.join(', ')}`;
}
