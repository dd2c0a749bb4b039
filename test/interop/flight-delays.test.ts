/** The end-to-end example: define, ingest, validate, train, serve, watch, over HTTP from Python. */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { importBundled } from '../../cli/import-bundled.ts';
import { collectDefinitions } from '../../lib/registry/collect-definitions.ts';
import { interopPython } from './engines.ts';
import { servePython, type PythonServer } from './python.ts';

const EXAMPLE = fileURLToPath(new URL('../../examples/flight-delays', import.meta.url));
const FLIGHTS = fileURLToPath(new URL('../../node_modules/vega-datasets/data/flights-20k.json', import.meta.url));

describe.skipIf(interopPython === undefined)('the example of flight delays', () => {
  let server: PythonServer;
  beforeAll(async () => {
    const { wanted, functions } = collectDefinitions(await importBundled(`${EXAMPLE}/lakefold.config.ts`));
    server = await servePython(functions);
    const plan = await server.post('/definitions:plan', wanted);
    await server.post('/definitions:apply', { planId: plan['planId'] });
  });
  afterAll(() => server.close());

  it('goes from flights to a served model and a drift report', async () => {
    expect(await server.run(`${EXAMPLE}/flight_delays.py`, FLIGHTS, server.url)).toEqual({
      refused: [[2, 'flights_24h', 'EXPECTATION_FAILED']],
      ingested: 11_281,
      rows: { train: 8374, test: 2952 },
      auc: expect.closeTo(0.579, 2),
      status: ['COMPLETE', 'COMPLETE'],
      longHaul: [false, true],
      chances: [expect.any(Number), expect.any(Number)],
      drift: { flights_24h: { status: 'OK', PSI: 0.002, KS: 0.017 }, mean_delay_24h: { status: 'OK', PSI: 0.004, KS: 0.019 } },
      verified: true,
    });
  });
});
