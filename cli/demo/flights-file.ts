/** The real flights: three million departures in the United States, January to June 2001. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { LakefoldError } from '../../lib/core/errors.ts';

/** Path of the Parquet file, in the installed package `vega-datasets`. @throws LakefoldError INVALID_ARGUMENT when it is not installed */
export function findFlightsFile(): string {
  const path = join(packageDirectory(), '..', 'data', 'flights-3m.parquet');
  if (existsSync(path)) return path;
  throw new LakefoldError('INVALID_ARGUMENT', `expected the flights of vega-datasets at ${path}, found no file`, { context: { path } });
}

function packageDirectory(): string {
  try {
    return dirname(createRequire(import.meta.url).resolve('vega-datasets'));
  } catch (cause) {
    throw new LakefoldError(
      'INVALID_ARGUMENT',
      'expected the package vega-datasets, whose flights the demo is about, found it not installed: npm install vega-datasets@3.2.1',
      { cause },
    );
  }
}
