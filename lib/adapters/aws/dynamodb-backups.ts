/** How long DynamoDB can still restore what was deleted from a table: certificates of erasures tell it. */
import { DescribeContinuousBackupsCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { dynamoDbFaultOf } from './dynamodb-errors.ts';

const DAY_MILLIS = 24 * 60 * 60 * 1000;
/** DynamoDB keeps no table's history longer. */
const RECOVERY_DAYS_MAX = 35;

/**
 * Undefined where the table has no point-in-time recovery, or the store knows no such thing. Whoever may not ask is told the longest time there is.
 * @throws whatever the SDK rejects with when the store can't be reached
 */
export async function backupsKeptMillis(client: DynamoDBClient, table: string): Promise<number | undefined> {
  try {
    const { ContinuousBackupsDescription: found } = await client.send(new DescribeContinuousBackupsCommand({ TableName: table }));
    const recovery = found?.PointInTimeRecoveryDescription;
    return recovery?.PointInTimeRecoveryStatus === 'ENABLED' ? (recovery.RecoveryPeriodInDays ?? RECOVERY_DAYS_MAX) * DAY_MILLIS : undefined;
  } catch (error) {
    if (error instanceof Error && /^(UnknownOperationException|NotImplemented)/.test(error.name)) return undefined;
    if (dynamoDbFaultOf(error) === 'refused') return RECOVERY_DAYS_MAX * DAY_MILLIS;
    throw error;
  }
}
