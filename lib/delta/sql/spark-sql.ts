/** Writes as Spark SQL: what a refused plan offers an engine with a cluster behind it. Pure. */
import type { Column, Value } from '../../core/types.ts';
import type { Filter } from '../filter/filter.ts';
import { filterSql, nameSql, valueSql } from './filter-sql.ts';

/** Keys up to which a delete spells them out; more are read from a view. */
const KEYS_SPELLED_MAX = 100;

/**
 * A write of the table with `columns`. `upsert` takes its rows from a view `updates` that has `given` columns, a delete of
 * many keys its keys from a view `keys`; `receipt` names the column by which the row received last wins.
 */
export type SparkWrite =
  | { readonly kind: 'upsert'; readonly identity: readonly string[]; readonly given: readonly string[]; readonly receipt: string | undefined }
  | { readonly kind: 'deleteKeys'; readonly identity: readonly string[]; readonly keys: readonly (readonly Value[])[] }
  | { readonly kind: 'deleteWhere'; readonly filter: Filter }
  | { readonly kind: 'update'; readonly filter: Filter; readonly set: ReadonlyMap<string, Value> };

/** `location` is the table's own: an absolute path or URI. */
export function sparkSqlOf(table: { readonly location: string; readonly columns: readonly Column[] }, write: SparkWrite): string {
  const target = `delta.${nameSql(table.location)}`;
  switch (write.kind) {
    case 'upsert':
      return mergeSql(target, table.columns, write);
    case 'deleteKeys': {
      const { identity, keys } = write;
      if (keys.length > KEYS_SPELLED_MAX) return `MERGE INTO ${target} AS target USING keys AS source ON ${onSql(identity)} WHEN MATCHED THEN DELETE`;
      const rows = keys.map((key) => `(${identity.map((name, i) => `${nameSql(name)} = ${literal(table.columns, name, key[i] ?? null)}`).join(' AND ')})`);
      return `DELETE FROM ${target} WHERE ${rows.length === 0 ? 'FALSE' : rows.join(' OR ')}`;
    }
    case 'deleteWhere':
      return `DELETE FROM ${target} WHERE ${filterSql(write.filter, table.columns)}`;
    case 'update': {
      const sets = [...write.set].map(([name, value]) => `${nameSql(name)} = ${literal(table.columns, name, value)}`);
      return `UPDATE ${target} SET ${sets.join(', ')} WHERE ${filterSql(write.filter, table.columns)}`;
    }
  }
}

// Columns the rows lack become null, as the row is replaced whole.
function mergeSql(target: string, columns: readonly Column[], { identity, given, receipt }: SparkWrite & { readonly kind: 'upsert' }): string {
  const values = columns.map(({ name }) => (given.includes(name) ? `source.${nameSql(name)}` : 'NULL'));
  const names = columns.map(({ name }) => nameSql(name));
  const newer = receipt === undefined ? '' : ` AND (target.${nameSql(receipt)} IS NULL OR source.${nameSql(receipt)} >= target.${nameSql(receipt)})`;
  return [
    `MERGE INTO ${target} AS target USING updates AS source ON ${onSql(identity)}`,
    `WHEN MATCHED${newer} THEN UPDATE SET ${names.map((name, i) => `${name} = ${values[i]}`).join(', ')}`,
    `WHEN NOT MATCHED THEN INSERT (${names.join(', ')}) VALUES (${values.join(', ')})`,
  ].join(' ');
}

function onSql(identity: readonly string[]): string {
  return identity.map((name) => `target.${nameSql(name)} = source.${nameSql(name)}`).join(' AND ');
}

function literal(columns: readonly Column[], name: string, value: Value): string {
  return valueSql(columns.find((column) => column.name === name)?.type ?? { kind: 'void' }, value);
}
