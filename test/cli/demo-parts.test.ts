/** What the demo judges with: the model, the checks, the oracle. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { areaUnderCurve, fitModel, scoresOf } from '../../cli/demo/model.ts';
import { Oracle } from '../../cli/demo/oracle.ts';
import { Story } from '../../cli/demo/story.ts';

describe('areaUnderCurve', () => {
  it('is the share of pairs in the right order, ties counted half', () => {
    expect(areaUnderCurve(Float64Array.of(1, 2, 3, 4), Uint8Array.of(0, 0, 1, 1))).toBe(1);
    expect(areaUnderCurve(Float64Array.of(4, 3, 2, 1), Uint8Array.of(0, 0, 1, 1))).toBe(0);
    expect(areaUnderCurve(Float64Array.of(5, 5, 5, 5), Uint8Array.of(0, 1, 0, 1))).toBe(0.5);
    // Of the pairs (2,1) (2,3) (3,1) (3,3): right, wrong, right, tie.
    expect(areaUnderCurve(Float64Array.of(1, 3, 2, 3), Uint8Array.of(0, 0, 1, 1))).toBe(2.5 / 4);
  });
});

describe('fitModel', () => {
  it('finds the maximum of the likelihood', () => {
    // One input of two values: the fitted chances are the shares, 1 of 4 and 3 of 4, so the slope between is 2 ln 3.
    const labels = Uint8Array.of(
      ...Array.from({ length: 4000 }, (_, i) => (i % 4 === 0 ? 1 : 0)),
      ...Array.from({ length: 4000 }, (_, i) => (i % 4 === 0 ? 0 : 1)),
    );
    const inputs = Float64Array.from({ length: 8000 }, (_, i) => (i < 4000 ? 10 : 20));
    const model = fitModel({ width: 1, inputs, labels });
    expect([model.means, model.deviations]).toEqual([[15], [5]]);
    expect(model.weights[0]).toBeCloseTo(0, 10);
    expect(model.weights[1]).toBeCloseTo(Math.log(3), 2);
    const scores = scoresOf(model, { width: 1, inputs: Float64Array.of(10, 20, Number.NaN), labels: new Uint8Array(3) });
    expect([...scores].map((score) => Math.round(score * 10) / 10 + 0)).toEqual([-1.1, 1.1, 0]);
  });
});

describe('a step', () => {
  it('passes with its checks and shows what a failed one expected and found', async () => {
    const out = new Kept();
    const story = new Story(out, { screen: 'ifTTY' });
    expect(await story.step('good', 'Good', async (step) => step.check('one is one', { found: 1, expected: 1 }))).toBe(true);
    expect(story.ok).toBe(true);
    expect(await story.step('bad', 'Bad', async (step) => step.check('two is one', { found: { n: 2n }, expected: { n: 1n } }))).toBe(false);
    expect(story.ok).toBe(false);
    await expect(story.step('worse', 'Worse', () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
    expect(story.steps).toEqual([
      { name: 'good', ok: true, seconds: expect.any(Number), checks: 1 },
      { name: 'bad', ok: false, seconds: expect.any(Number), checks: 1 },
      { name: 'worse', ok: false, seconds: expect.any(Number), checks: 0 },
    ]);
    expect(out.text).toContain('   ✓ one is one\n');
    expect(out.text).toContain('   ✗ two is one\n       expected {"n":"1"}\n       found    {"n":"2"}\n');
    expect(out.text).not.toContain('\u001b');
  });
});

describe('the oracle', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lakefold-oracle-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  async function sql(text: string): Promise<void> {
    const instance = await DuckDBInstance.create(':memory:');
    const connection = await instance.connect();
    await connection.run("SET TimeZone = 'UTC'");
    await connection.run(text);
    connection.closeSync();
    instance.closeSync();
  }

  // Eighty miles are ten minutes: flights land 40 minutes after they leave, later by their delay.
  const FLIGHTS = [
    ['2001-01-01 10:00', -5, 'A', 'B'], // lands 10:40, known at 11:00
    ['2001-01-01 10:20', 0, 'A', 'B'], // lands 11:00 sharp, known at 11:00
    ['2001-01-01 10:21', 20, 'A', 'C'], // lands 11:21, known at 12:00, late
    ['2001-01-02 10:30', 16, 'A', 'B'], // lands 11:26 of the next day, known at 12:00: the first two are 25 hours old, the third 24
  ].map(([date, delay, origin, destination]) => `(TIMESTAMP '${date}', ${delay}::BIGINT, 80::BIGINT, '${origin}', '${destination}')`);

  async function openOracle(): Promise<Oracle> {
    const flightsFile = join(folder, 'flights.parquet');
    await sql(`COPY (SELECT * FROM (VALUES ${FLIGHTS.join(', ')}) t(date, delay, distance, origin, destination)) TO '${flightsFile}'`);
    return Oracle.open({ flightsFile, flightsFrom: '2001-01-01', from: '2001-01-01T00:00:00Z', until: '2001-01-03T00:00:00Z' });
  }

  it('counts a flight from the full hour at which it has landed, for as long as the window is', async () => {
    const oracle = await openOracle();
    expect(await oracle.count('airports', 'true')).toEqual({ rows: 3, keys: 1 });
    expect((await oracle.vectors('2001-01-01T11:00:00Z')).map(({ destination, values }) => [destination, ...values])).toEqual([
      ['B', 2, 0, 2, -2.5, 0, null, null, 2, -2.5, 0],
    ]);
    expect((await oracle.vectors('2001-01-03T00:00:00Z')).map(({ destination, values }) => [destination, ...values])).toEqual([
      ['B', 1, 1, 1, 16, 1, null, null, 3, 11 / 3, 1 / 3],
      ['C', 1, 1, 1, 16, 1, null, null, 1, 20, 1],
    ]);
    expect(await oracle.newestAmong('routes', 'flights_7d = 3', '2001-01-03T00:00:00Z')).toBe(1);
    oracle.close();
  });

  it('finds the one value that differs', async () => {
    const oracle = await openOracle();
    const rows = (meanDelay: number): string =>
      `COPY (SELECT * FROM (VALUES ('A', 'B', TIMESTAMPTZ '2001-01-01T11:00:00Z', 2, ${meanDelay}::DOUBLE, 0::DOUBLE)) t(origin, destination, hour, flights_7d, mean_delay_7d, late_share_7d)) TO '${folder}/answer.parquet'`;
    await sql(rows(-2.5));
    const until = '2001-01-01T11:00:00Z';
    expect(await oracle.compareRows('routes', join(folder, 'answer.parquet'), { until })).toEqual({ rows: 1, expectedRows: 1, different: 0, example: '' });
    await sql(rows(-2.25));
    expect(await oracle.compareRows('routes', join(folder, 'answer.parquet'), { until })).toEqual({
      rows: 1,
      expectedRows: 1,
      different: 2,
      example: expect.stringMatching(/-2\.25.* instead of .*-2\.5/),
    });
    oracle.close();
  });
});

class Kept extends Writable {
  text = '';
  readonly isTTY = false;

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}
