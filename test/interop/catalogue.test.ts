/** G18: tables we wrote, read by delta-rs, DuckDB and Polars. */
import { afterAll, beforeAll, describe } from 'vitest';
import { testCatalogue } from './catalogue-suite.ts';
import { type Engines, interopPython, startEngines } from './engines.ts';

describe.skipIf(interopPython === undefined)('the catalogue', () => {
  let engines: Engines;
  beforeAll(() => {
    engines = startEngines(interopPython ?? '');
  });
  afterAll(() => {
    engines.close();
  });
  testCatalogue({
    'delta-rs': (path, version) => engines.readRows('deltars', path, version),
    DuckDB: (path, version) => engines.readRows('duckdb', path, version),
    Polars: (path, version) => engines.readRows('polars', path, version),
  });
});
