/** Adapters every Lambda function may have: clock, log, tables. What touches the lake is wired apart, so that `serve` stays small. */
import { createDynamoDbClient } from '../lib/adapters/aws/dynamodb-calls.ts';
import { DynamoDbControl } from '../lib/adapters/aws/dynamodb-control.ts';
import { DynamoDbOnlineStore } from '../lib/adapters/aws/dynamodb-online-store.ts';
import { SystemClock } from '../lib/adapters/system/clock.ts';
import { JsonLog, type LogLevel } from '../lib/adapters/system/log.ts';
import { SystemRandom } from '../lib/adapters/system/random.ts';
import type { Control } from '../lib/ports/control.ts';
import type { OnlineStore } from '../lib/ports/online-store.ts';
import type { HttpDeps } from './http/request-context.ts';

export interface EveryEnvironment {
  readonly region: string;
  readonly logLevel: LogLevel;
}

export interface TableEnvironment extends EveryEnvironment {
  readonly dynamodbEndpoint?: string | undefined;
  readonly controlTable: string;
  readonly onlineTable: string;
}

/** Clock, randomness and log of a function. */
export function systemParts(environment: EveryEnvironment): HttpDeps {
  const clock = new SystemClock();
  return { clock, random: new SystemRandom(), log: new JsonLog({ sink: process.stdout, clock, level: environment.logLevel }) };
}

/** Both DynamoDB tables over one client. */
export function tableParts(environment: TableEnvironment, parts: HttpDeps): { readonly online: OnlineStore; readonly control: Control } {
  const deps = { client: createDynamoDbClient(clientSettings(environment)), clock: parts.clock, random: parts.random };
  return { online: new DynamoDbOnlineStore(deps, { table: environment.onlineTable }), control: new DynamoDbControl(deps, { table: environment.controlTable }) };
}

/** The control table alone. */
export function controlPart(environment: Omit<TableEnvironment, 'onlineTable'>, parts: HttpDeps): Control {
  return new DynamoDbControl(
    { client: createDynamoDbClient(clientSettings(environment)), clock: parts.clock, random: parts.random },
    { table: environment.controlTable },
  );
}

function clientSettings(environment: Pick<TableEnvironment, 'region' | 'dynamodbEndpoint'>): { readonly region: string; readonly endpoint?: string } {
  return { region: environment.region, ...(environment.dynamodbEndpoint === undefined ? {} : { endpoint: environment.dynamodbEndpoint }) };
}
