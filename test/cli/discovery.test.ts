/** `search` and `lineage` through the command, as a program and as a person reads them. */
import { describe, expect, it } from 'vitest';
import { lakefold, lakefoldJson, problem, temporaryFolder } from './cli-support.ts';

async function applied(): Promise<string> {
  const cwd = await temporaryFolder();
  await lakefoldJson(['init'], { cwd });
  await lakefoldJson(['apply', '--yes'], { cwd });
  return cwd;
}

describe('search', () => {
  it('prints what the route answers, all pages as one', async () => {
    const cwd = await applied();
    const { items } = await lakefoldJson(['search', 'spend'], { cwd });
    expect(items).toMatchObject([
      { type: 'feature', name: 'spend_30d', parent: 'customer_stats/1', matched: ['name'], score: 6 },
      { type: 'featureGroup', name: 'customer_stats', matched: ['feature'], score: 3 },
      { type: 'featureView', name: 'basket_risk', matched: ['feature'], score: 3 },
    ]);
    expect((await lakefoldJson(['search', '--type', 'featureView'], { cwd })).items).toMatchObject([{ name: 'basket_risk', matched: [], score: 0 }]);
    expect((await lakefoldJson(['search', 'spend', '--limit', '1'], { cwd })).nextCursor).toEqual(expect.any(String));
  });

  it('is a table for a person', async () => {
    const { stdout } = await lakefold(['search', 'basket'], { cwd: await applied(), tty: 'yes', env: { NO_COLOR: '1' } });
    expect(stdout).toMatch(/featureView +basket_risk +1 .* name +6/);
  });

  it('refuses other types', async () => {
    const result = await lakefold(['search', 'x', '--type', 'group'], { cwd: await applied() });
    expect({ code: result.code, stdout: result.stdout, problem: problem(result).code }).toEqual({ code: 1, stdout: '', problem: 'INVALID_ARGUMENT' });
  });
});

describe('lineage', () => {
  it('prints the graph, and its ways as text or as Mermaid', async () => {
    const cwd = await applied();
    const node = 'feature-group:customer_stats/1';
    expect(await lakefoldJson(['lineage', node, '--direction', 'down', '--depth', '1'], { cwd })).toMatchObject({
      root: node,
      edges: [{ from: node, to: 'feature-view:basket_risk/1', type: 'selects', features: ['orders_30d', 'spend_30d'] }],
    });
    const shown = await lakefold(['lineage', node], { cwd, tty: 'yes', env: { NO_COLOR: '1' } });
    expect(shown.stdout).toBe(`${node}\ngoes into\n  feature-view:basket_risk/1 (selects: orders_30d, spend_30d)\n`);
    const drawn = await lakefold(['lineage', node, '--format', 'mermaid'], { cwd });
    expect(drawn.stdout).toContain('n0["customer_stats/1"]:::root\n');
  });

  it('fails by the code of what is not there', async () => {
    const cwd = await applied();
    for (const [node, code] of [
      ['feature-group:nowhere/1', 'UNKNOWN_FEATURE_GROUP'],
      ['feature-view:nowhere/1', 'UNKNOWN_FEATURE_VIEW'],
      ['training-dataset:basket_risk/1/1', 'UNKNOWN_TRAINING_DATASET'],
      ['feature:customer_stats/1/nothing', 'UNKNOWN_FEATURE'],
      ['customer_stats', 'INVALID_ARGUMENT'],
    ] as const) {
      const result = await lakefold(['lineage', node], { cwd });
      expect({ node, exit: result.code, stdout: result.stdout, code: problem(result).code }).toEqual({ node, exit: 1, stdout: '', code });
    }
  });
});
