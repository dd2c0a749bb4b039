/** Lambda entry: writes over HTTP. */
import { Projects } from '../../lib/features/definitions/projects.ts';
import { parseEnvironment } from '../environment.ts';
import { lambdaHandler } from '../http/lambda.ts';
import { featureParts } from '../lake-wiring.ts';
import { createIngestApp } from './app.ts';

const deps = featureParts(parseEnvironment('ingest', process.env));

export const handler = lambdaHandler(createIngestApp({ ...deps, projects: new Projects(deps) }));
