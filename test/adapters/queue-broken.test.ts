/** The queue contract notices what it is there to notice. */
import { queueCases } from '../contract/queue.contract.ts';
import { brokenQueues } from '../support/broken-queues.ts';
import { describeBroken } from '../support/contract-suite.ts';

describeBroken('queue', queueCases, brokenQueues);
