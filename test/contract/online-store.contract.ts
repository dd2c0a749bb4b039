/** What every `OnlineStore` does, as data. */
import { onlineLoadCases } from './online-store-loads.contract.ts';
import { onlineReadCases } from './online-store-reads.contract.ts';
import type { OnlineStoreSubject } from './online-store-subject.ts';
import { onlineWatermarkCases } from './online-store-watermarks.contract.ts';
import { onlineWriteCases } from './online-store-writes.contract.ts';
import { describeContract } from '../support/contract-suite.ts';
import type { ContractSuite } from '../support/contract-suite.ts';

export const onlineStoreCases = [...onlineWriteCases, ...onlineLoadCases, ...onlineReadCases, ...onlineWatermarkCases];

export function describeOnlineStore(suite: ContractSuite<OnlineStoreSubject>): void {
  describeContract('online store', onlineStoreCases, suite);
}
