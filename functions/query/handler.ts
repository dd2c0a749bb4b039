/** Lambda entry: offline reads and training data over HTTP, DuckDB inside. */
import * as definitionsModule from 'lakefold:definitions';
import { openDuckDbEngine } from '../../lib/adapters/duckdb/engine.ts';
import { openScratch } from '../../lib/adapters/fs/scratch.ts';
import { Projects } from '../../lib/features/definitions/projects.ts';
import { collectDefinitions } from '../../lib/registry/collect-definitions.ts';
import { parseEnvironment } from '../environment.ts';
import { lambdaHandler } from '../http/lambda.ts';
import { deltaParts } from '../lake-wiring.ts';
import { controlPart } from '../wiring.ts';
import { createQueryApp } from './app.ts';
import { refusedSource } from './spine-source.ts';

const environment = parseEnvironment('query', process.env);
const { scratchDirectory, scratchBytesMax } = environment;
const parts = deltaParts(environment);
const engine = await openDuckDbEngine({ scratchDirectory, scratchBytesMax });
const { functions } = collectDefinitions(definitionsModule);

export const handler = lambdaHandler(
  createQueryApp({
    ...parts,
    // Serving sees the fitted transforms of a set there; definitions are not this function's to change.
    control: controlPart(environment, parts),
    engine,
    functions,
    scratch: openScratch(`${scratchDirectory}/lakefold`),
    openSource: refusedSource,
    projects: new Projects({ ...parts, control: undefined }),
  }),
);
