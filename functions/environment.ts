/**
 * What each function is told by its environment: parsed once, at cold start, every fault listed at once.
 *
 * `infra/` sets variables of exactly these types. `zod/mini`, because `serve` loads this file too.
 */
import * as z from 'zod/mini';
import type { Fault } from '../lib/core/errors.ts';
import { LakefoldError } from '../lib/core/errors.ts';
import { SCRATCH_BYTES_MAX } from '../lib/core/limits.ts';

/** Setting → variable, and where that is absent the next one. */
const VARIABLES = {
  region: ['AWS_REGION'],
  s3Endpoint: ['AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL'],
  dynamodbEndpoint: ['AWS_ENDPOINT_URL_DYNAMODB', 'AWS_ENDPOINT_URL'],
  bucket: ['LAKEFOLD_BUCKET'],
  prefix: ['LAKEFOLD_PREFIX'],
  onlineTable: ['LAKEFOLD_ONLINE_TABLE'],
  controlTable: ['LAKEFOLD_CONTROL_TABLE'],
  logLevel: ['LAKEFOLD_LOG_LEVEL'],
  scratchDirectory: ['LAKEFOLD_SCRATCH_DIRECTORY'],
  scratchBytesMax: ['LAKEFOLD_SCRATCH_BYTES_MAX'],
} as const;

type Setting = keyof typeof VARIABLES;

const EXPECTED: Readonly<Record<Setting, string>> = {
  region: 'an AWS region such as eu-central-1',
  s3Endpoint: 'an http or https URL',
  dynamodbEndpoint: 'an http or https URL',
  bucket: 'an S3 bucket name',
  prefix: 'a key prefix without slashes at its ends',
  onlineTable: 'a DynamoDB table name',
  controlTable: 'a DynamoDB table name',
  logLevel: 'debug, info, warn or error',
  scratchDirectory: 'an absolute path',
  scratchBytesMax: `a whole number of bytes from 1 to ${SCRATCH_BYTES_MAX}`,
};

const tableName = z.string().check(z.regex(/^[A-Za-z0-9_.-]{3,255}$/));
const endpoint = z.optional(z.string().check(z.regex(/^https?:\/\/[^\s/]+\/?$/)));

const everywhere = {
  region: z.string().check(z.regex(/^[a-z]{2,4}(?:-[a-z]+)+-\d{1,2}$/)),
  logLevel: z._default(z.enum(['debug', 'info', 'warn', 'error']), 'info'),
};
const lake = {
  s3Endpoint: endpoint,
  bucket: z.string().check(z.regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/)),
  prefix: z._default(z.string().check(z.regex(/^(?:[^/\s]+(?:\/[^/\s]+)*)?$/)), ''),
};
const control = { dynamodbEndpoint: endpoint, controlTable: tableName };
const online = { dynamodbEndpoint: endpoint, onlineTable: tableName };
const scratch = {
  scratchDirectory: z._default(z.string().check(z.regex(/^\//)), '/tmp'),
  scratchBytesMax: z._default(
    z.pipe(z.pipe(z.string().check(z.regex(/^\d{1,15}$/)), z.transform(Number)), z.number().check(z.gte(1), z.lte(SCRATCH_BYTES_MAX))),
    SCRATCH_BYTES_MAX,
  ),
};

const SCHEMAS = {
  catalog: z.object({ ...everywhere, ...lake, ...control }),
  ingest: z.object({ ...everywhere, ...lake, ...control, ...online }),
  publish: z.object({ ...everywhere, ...lake, ...control, ...online }),
  query: z.object({ ...everywhere, ...lake, ...control, ...scratch }),
  serve: z.object({ ...everywhere, ...control, ...online }),
};

/** Every function that reads an environment. */
export type FunctionName = keyof typeof SCHEMAS;

/** Settings of one function, defaults filled in. */
export type Environment<Name extends FunctionName> = z.output<(typeof SCHEMAS)[Name]>;

/** Set by the runtime or by hand against an emulator, never by infra. */
type RuntimeSetting = 'region' | 's3Endpoint' | 'dynamodbEndpoint';
type Settable<Name extends FunctionName> = Exclude<keyof z.input<(typeof SCHEMAS)[Name]>, RuntimeSetting> & Setting;
type OptionalSetting<Name extends FunctionName> = {
  [Key in Settable<Name>]: undefined extends z.input<(typeof SCHEMAS)[Name]>[Key] ? Key : never;
}[Settable<Name>];
type RequiredSetting<Name extends FunctionName> = Exclude<Settable<Name>, OptionalSetting<Name>>;

/** The variables infra sets for one function: what has no default must be there, what the function does not read must not. */
export type Variables<Name extends FunctionName> = { readonly [Key in RequiredSetting<Name> as (typeof VARIABLES)[Key][0]]: string } & {
  readonly [Key in OptionalSetting<Name> as (typeof VARIABLES)[Key][0]]?: string;
};

/**
 * The settings of `name`, read from `variables`; an empty variable counts as absent.
 * @throws LakefoldError INVALID_ARGUMENT with a fault for every missing or malformed variable
 */
export function parseEnvironment<Name extends FunctionName>(name: Name, variables: Readonly<Record<string, string | undefined>>): Environment<Name> {
  const given: Partial<Record<Setting, string>> = {};
  for (const setting of Object.keys(VARIABLES).filter(isSetting)) {
    const value = VARIABLES[setting].map((variable) => variables[variable]).find((text) => text !== undefined && text !== '');
    if (value !== undefined) given[setting] = value;
  }
  const schemas: { readonly [Each in FunctionName]: z.core.$ZodType<Environment<Each>> } = SCHEMAS;
  const result = z.safeParse(schemas[name], given);
  if (result.success) return result.data;
  const faults = faultsOf(result.error.issues, given);
  throw new LakefoldError(
    'INVALID_ARGUMENT',
    `expected a whole environment for ${name}, found ${faults.length} faults: ${faults.map((fault) => fault.message).join('; ')}`,
    { errors: faults },
  );
}

function isSetting(key: string): key is Setting {
  return Object.hasOwn(VARIABLES, key);
}

function faultsOf(issues: readonly z.core.$ZodIssue[], given: Partial<Record<Setting, string>>): readonly Fault[] {
  const settings = new Set(issues.map((issue) => String(issue.path[0])));
  return [...settings].filter(isSetting).map((setting) => {
    const field = VARIABLES[setting][0];
    const found = given[setting] === undefined ? 'nothing' : JSON.stringify(given[setting]);
    return { field, code: 'INVALID_ARGUMENT', message: `${field}: expected ${EXPECTED[setting]}, found ${found}` };
  });
}
