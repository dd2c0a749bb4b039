/** What the usual environment variables say of S3, where the SDK alone would not do: path style goes with an endpoint, and `AWS_DEFAULT_REGION` is other tools' name. */

export interface AwsEnvironment {
  readonly endpoint?: string;
  readonly region?: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Of the process, unless given. Credentials are left to the SDK. */
export function awsEnvironment(env: Environment = process.env): AwsEnvironment {
  const endpoint = firstOf(env, ['AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL']);
  const region = firstOf(env, ['AWS_REGION', 'AWS_DEFAULT_REGION']);
  return { ...(endpoint === undefined ? {} : { endpoint }), ...(region === undefined ? {} : { region }) };
}

function firstOf(env: Environment, names: readonly string[]): string | undefined {
  return names.map((name) => env[name]).find((value) => value !== undefined && value !== '');
}
