/** Cases an imitation of DynamoDB can't pass, each with the reason. */

type Deviations = Readonly<Record<string, string>>;

export interface DynamoDbDeviations {
  readonly online: Deviations;
  readonly control: Deviations;
}

export const DYNAMODB_LOCAL_DEVIATIONS: DynamoDbDeviations = { online: {}, control: {} };
export const MINISTACK_DYNAMODB_DEVIATIONS: DynamoDbDeviations = { online: {}, control: {} };
