/** Lambda entry: definitions and history over HTTP. */
import { Projects } from '../../lib/features/definitions/projects.ts';
import { parseEnvironment } from '../environment.ts';
import { lambdaHandler } from '../http/lambda.ts';
import { deltaParts } from '../lake-wiring.ts';
import { controlPart } from '../wiring.ts';
import { createCatalogApp } from './app.ts';

const environment = parseEnvironment('catalog', process.env);
const parts = deltaParts(environment);

export const handler = lambdaHandler(
  createCatalogApp({ ...parts, projects: new Projects({ ...parts, control: controlPart(environment, parts), rewrites: 'refused' }) }),
);
