/** Constraints mean to us what they mean to Spark, whatever its settings: what we accept it accepts, what we refuse it refuses, and the rest we don't read. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { batchOfRows } from '../../lib/core/batch.ts';
import { toValue } from '../../lib/core/input-values.ts';
import { parseType, type Value } from '../../lib/core/types.ts';
import { openTable, type Table } from '../../lib/delta/index.ts';
import { bindBoolean, type SqlScope } from '../../lib/delta/sql/sql-evaluate.ts';
import { parseSqlExpression } from '../../lib/delta/sql/sql-parser.ts';
import { ruleOfField } from '../../lib/delta/schema/value-rules.ts';
import { CONSTRAINT_ROWS, ENFORCED, EXPRESSIONS, SPARK_SETTLES } from './constraint-expressions.ts';
import { connectSpark, sparkEndpoint } from './spark.ts';

const BYTES: ReadonlyMap<string, string> = new Map([
  ['i8', 'byte'],
  ['i16', 'short'],
]);
/** Whether a row passes; `none` where we say that the expression has no value that fits. */
type Verdict = boolean | 'none';

describe.skipIf(sparkEndpoint === undefined)('constraints, beside Spark', () => {
  const spark = connectSpark(sparkEndpoint ?? '');
  let folder: string;
  let source: string;
  let scope: SqlScope;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lakefold-spark-constraints-'));
    source = `delta.\`${join(folder, 'rows')}\``;
    await spark.sql(`CREATE TABLE ${source} USING delta AS ${CONSTRAINT_ROWS}`);
    scope = await scopeOf(await openTable(join(folder, 'rows')));
  });
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  function verdicts(expression: string): readonly Verdict[] {
    const operand = bindBoolean(parseSqlExpression(expression), scope);
    return Array.from({ length: scope.batch.rowCount }, (_, row): Verdict => {
      try {
        return operand.at(row) === true;
      } catch (error) {
        expect(error).toMatchObject({ code: 'CONSTRAINT_VIOLATED' });
        return 'none';
      }
    });
  }

  /** Whether Spark takes the rows, by expression; null it refuses as it does false. One error is the answer to all. */
  async function sparks(ansi: string, expressions: readonly string[], rows: readonly number[]): Promise<ReadonlyMap<string, readonly boolean[]>> {
    const columns = expressions.map((expression, i) => `CAST((${expression}) AS STRING) AS e${i}`);
    // What two expressions have in common would be computed first, whether either comes to it or not.
    const settings = { 'spark.sql.ansi.enabled': ansi, 'spark.sql.subexpressionElimination.enabled': 'false' };
    const lines = await spark.query(`SELECT id, ${columns.join(', ')} FROM ${source} WHERE id IN (${rows.join(', ')})`, settings);
    const answers = lines.map((line) => JSON.parse(line) as Record<string, unknown>).toSorted((a, b) => Number(a['id']) - Number(b['id']));
    return new Map(expressions.map((expression, i) => [expression, answers.map((answer) => answer[`e${i}`] === 'true')]));
  }

  it.each([['true'], ['false']])('accept and refuse the rows that Spark does, spark.sql.ansi.enabled = %s', async (ansi) => {
    const byRows = new Map<string, string[]>();
    for (const expression of EXPRESSIONS) {
      const valued = verdicts(expression).flatMap((verdict, row) => (verdict === 'none' ? [] : [row]));
      byRows.set(valued.join(), [...(byRows.get(valued.join()) ?? []), expression]);
    }
    for (const [key, expressions] of byRows) {
      const rows = key.split(',').map(Number);
      const theirs = await sparks(ansi, expressions, rows);
      const ours = new Map(expressions.map((expression) => [expression, rows.map((row) => verdicts(expression)[row])]));
      expect(theirs).toEqual(ours);
    }
  });

  it('have no value that fits where Spark fails in ANSI mode', async () => {
    const failing = EXPRESSIONS.flatMap((expression) => {
      const row = verdicts(expression).indexOf('none');
      return row === -1 ? [] : [[expression, row] as const];
    });
    expect(failing.length).toBeGreaterThan(8);
    for (const [expression, row] of failing)
      await expect(sparks('true', [expression], [row]), `${expression} on row ${row}`).rejects.toThrow(/OVERFLOW|DIVIDE_BY_ZERO|REMAINDER_BY_ZERO|overflow/);
  });

  it.each(SPARK_SETTLES)('are not read where Spark settles them otherwise by a setting, rounds or pads: %s', (expression) => {
    expect(() => bindBoolean(parseSqlExpression(expression), scope)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });

  it('refuse the same rows on one table, by the same name', async () => {
    const path = join(folder, 'enforced');
    const name = `delta.\`${path}\``;
    const { columns, constraints, rows } = ENFORCED;
    await spark.sql(
      `CREATE TABLE ${name} (${columns}) USING delta`,
      ...Object.entries(constraints).map(([constraint, text]) => `ALTER TABLE ${name} ADD CONSTRAINT ${constraint} CHECK (${text})`),
    );
    const table = await openTable(path);
    for (const { row, sql, refusedBy } of rows) {
      const theirs = await spark.sql(`INSERT INTO ${name} VALUES (${sql})`).then(
        () => 'accepted',
        (error: Error) => error.message,
      );
      const ours = await table.append([row]).then(
        () => 'accepted',
        (error: { readonly code: string; readonly context: { readonly constraint?: string } }) => `${error.code} ${error.context.constraint}`,
      );
      expect({ sql, ours }).toEqual({ sql, ours: refusedBy === undefined ? 'accepted' : `CONSTRAINT_VIOLATED ${refusedBy.ours}` });
      expect({ sql, theirs }).toEqual({ sql, theirs: refusedBy === undefined ? 'accepted' : expect.stringMatching(refusedBy.theirs) });
    }
  });
});

async function scopeOf(table: Table): Promise<SqlScope> {
  const columns = table.schema.map(({ name, type }) => ({ name, type: parseType(type), nullable: true }));
  const rows: Value[][] = [];
  for await (const batch of table.read())
    for (const row of batch.toRows())
      rows.push(
        columns.map(({ name, type }) => {
          const result = toValue(type, row[name]);
          if (result.kind === 'fault') throw new Error(`expected ${result.expected}, found ${result.found}`);
          return result.value;
        }),
      );
  const batch = batchOfRows(
    columns,
    rows.toSorted((a, b) => Number(a[0]) - Number(b[0])),
  );
  const rules = columns.flatMap(({ name }) => {
    const rule = ruleOfField({ type: BYTES.get(name) ?? 'string' });
    return rule === undefined ? [] : [[name, rule] as const];
  });
  return { batch, rules: new Map(rules) };
}
