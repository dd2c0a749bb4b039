/** Lambda entry: the publisher behind its queue. */
import { Projects } from '../../lib/features/definitions/projects.ts';
import { parseEnvironment } from '../environment.ts';
import { featureParts } from '../lake-wiring.ts';
import { createPublisher } from './publisher.ts';

const environment = parseEnvironment('publish', process.env);
const deps = featureParts(environment);

export const handler = createPublisher({ ...deps, projects: new Projects(deps), prefix: environment.prefix });
