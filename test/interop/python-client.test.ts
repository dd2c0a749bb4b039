/** examples/python/lakefold.py and its notebook, against the server of this machine over HTTP. */
import { readFile, writeFile } from 'node:fs/promises';
import { join as joinPaths } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { t } from '../../lib/registry/column-builder.ts';
import { collectDefinitions } from '../../lib/registry/collect-definitions.ts';
import { featureGroup } from '../../lib/registry/define-group.ts';
import { featureView, join, onDemand } from '../../lib/registry/define-view.ts';
import { interopPython } from './engines.ts';
import { PYTHON_EXAMPLES, servePython, type PythonServer } from './python.ts';

/** What the README's lines are about: the definitions that `lakefold init` writes. */
const customerStats = featureGroup({
  name: 'customer_stats',
  version: 1,
  schema: { customer: t.string(), at: t.timestamp(), orders_30d: t.int(), spend_30d: t.double().nullable() },
  primaryKey: ['customer'],
  eventTime: 'at',
  onlineEnabled: true,
});
const basketRisk = featureView({
  name: 'basket_risk',
  version: 1,
  spine: { customer: t.string(), ordered_at: t.timestamp(), amount: t.double(), fraud: t.boolean().nullable() },
  labelTime: 'ordered_at',
  labels: ['fraud'],
  joins: [join(customerStats, { features: ['orders_30d', 'spend_30d'] })],
  onDemand: [
    onDemand({
      name: 'amount_to_spend',
      inputs: { amount: t.double(), spend_30d: t.double() },
      returns: t.double(),
      compute: ({ amount, spend_30d }) => amount / spend_30d,
    }),
  ],
});
const FRAMES = `
import pandas as pd
stats = pd.DataFrame({"customer": ["ada", "ada"], "at": pd.to_datetime(["2024-05-01", "2024-05-20"]), "orders_30d": [2, 5], "spend_30d": [40.0, 160.0]})
orders = pd.DataFrame({"customer": ["ada"] * 4, "ordered_at": pd.date_range("2024-05-10", periods=4, tz="UTC"), "amount": 20.0, "fraud": [True, False] * 2})
`;
const COUNTS = 'rows, served = len(train) + len(test), vectors[0]';

describe.skipIf(interopPython === undefined)('from Python', () => {
  let server: PythonServer;
  beforeAll(async () => {
    server = await servePython(collectDefinitions({ customerStats, basketRisk }).functions);
  });
  afterAll(() => server.close());
  const python = (script: string, ...args: readonly string[]): Promise<unknown> => server.run(fileURLToPath(new URL(script, import.meta.url)), ...args);

  it('the notebook runs from a pandas frame to a model and the vectors it is served with', async () => {
    const result = await python('python_notebook.py', joinPaths(PYTHON_EXAMPLES, 'walkthrough.ipynb'), 'refusal', 'accuracy', 'verdict');
    expect(result).toEqual({
      refusal: ['VALIDATION_FAILED', [[1, 'flights', 'EXPECTATION_FAILED']]],
      accuracy: expect.any(Number),
      verdict: {
        equal: true,
        expected: expect.stringMatching(/^sha256:/),
        actual: expect.stringMatching(/^sha256:/),
        reason: null,
        requestId: expect.any(String),
      },
    });
    expect((result as { accuracy: number }).accuracy).toBeGreaterThan(0.7);
  });

  it('the lines of the README take a pandas frame in and give a training set and vectors out', async () => {
    const readme = await readFile(fileURLToPath(new URL('../../README.md', import.meta.url)), 'utf8');
    const [, block = ''] = /^```python\n(.*?)^```$/ms.exec(readme) ?? [];
    expect(block.trimEnd().split('\n').length).toBeLessThanOrEqual(10);
    expect(block).toContain('http://127.0.0.1:6566');
    const cells = [FRAMES, block.replace('http://127.0.0.1:6566', server.url), COUNTS];
    const path = joinPaths(server.folder, 'readme.ipynb');
    await writeFile(path, JSON.stringify({ cells: cells.map((source) => ({ cell_type: 'code', source })) }));
    await server.post('/feature-groups', customerStats.json);
    await server.post('/feature-views', basketRisk.json);
    expect(await python('python_notebook.py', path, 'rows', 'served')).toEqual({ rows: 4, served: { orders_30d: 5, spend_30d: 160, amount_to_spend: 0.75 } });
  });

  it('frames of every kind go in, come out equal, and refusals name row and feature', async () => {
    expect(await python('python_client.py')).toEqual({ ok: true });
  });
});
