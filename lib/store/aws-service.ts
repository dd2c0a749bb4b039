/** Where an AWS service is. */

/** What is left out is found as the AWS SDK finds it. */
export interface AwsService {
  readonly region?: string;
  /** Of an emulator, or a VPC endpoint. */
  readonly endpoint?: string;
}

export interface LakeBucket extends AwsService {
  readonly bucket: string;
  /** Keys begin with it and a `/`; the whole bucket unless given. */
  readonly prefix?: string;
}

export interface LakeTables extends AwsService {
  readonly onlineTable: string;
  readonly controlTable: string;
}

/** As the SDK's clients take it. */
export function serviceSettings({ region, endpoint }: AwsService): AwsService {
  return { ...(region === undefined ? {} : { region }), ...(endpoint === undefined ? {} : { endpoint }) };
}
