/** Options that every command takes. */
import type { Arguments, OptionSpecs } from './arguments.ts';

export const GLOBAL_OPTIONS = {
  location: { kind: 'text', value: 'DIR', help: 'where the embedded store lies (default ./.lakefold)' },
  project: { kind: 'text', value: 'NAME', help: 'the project worked in (default: default)' },
  endpoint: { kind: 'text', value: 'URL', help: 'work against a deployment or another server instead of the embedded store' },
  'api-key': { kind: 'text', value: 'KEY', help: 'sent to the endpoint; LAKEFOLD_API_KEY does the same out of sight of other users' },
  config: { kind: 'text', value: 'FILE', help: 'the definitions (default ./lakefold.config.ts)' },
  json: { kind: 'flag', help: 'one JSON document (rows: NDJSON) on stdout, as when piped' },
  quiet: { kind: 'flag', help: 'no remarks and no progress on stderr' },
  help: { kind: 'flag', short: 'h', help: 'this text' },
} as const satisfies OptionSpecs;

export interface GlobalOptions {
  readonly location: string | undefined;
  readonly project: string | undefined;
  readonly endpoint: string | undefined;
  readonly apiKey: string | undefined;
  readonly config: string | undefined;
  readonly json: boolean;
  readonly quiet: boolean;
}

export function globalOptions(args: Arguments, env: Readonly<Record<string, string | undefined>>): GlobalOptions {
  return {
    location: args.text('location'),
    project: args.text('project'),
    endpoint: args.text('endpoint'),
    apiKey: args.text('api-key') ?? env['LAKEFOLD_API_KEY'],
    config: args.text('config'),
    json: args.flag('json') ?? false,
    quiet: args.flag('quiet') ?? false,
  };
}
