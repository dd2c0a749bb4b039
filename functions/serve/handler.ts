/** Lambda entry: online lookups over HTTP. It reads the online table and the registry's copy, nothing else. */
import * as definitionsModule from 'lakefold:definitions';
import { collectDefinitions } from '../../lib/registry/collect-definitions.ts';
import { readTransformsCopy } from '../../lib/features/training/transforms-copy.ts';
import { parseEnvironment } from '../environment.ts';
import { lambdaHandler } from '../http/lambda.ts';
import { systemParts, tableParts } from '../wiring.ts';
import { createServeApp } from './app.ts';
import { copiedDefinitions } from './copied-definitions.ts';

const environment = parseEnvironment('serve', process.env);
const parts = systemParts(environment);
const { online, control } = tableParts(environment, parts);
const { functions } = collectDefinitions(definitionsModule);

export const handler = lambdaHandler(
  createServeApp({
    ...parts,
    online,
    functions,
    definitions: copiedDefinitions({ control, clock: parts.clock }),
    fittedTransforms: (set) => readTransformsCopy(control, set),
  }),
);
