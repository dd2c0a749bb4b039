/** The online store contract notices what it is there to notice. */
import { onlineStoreCases } from '../contract/online-store.contract.ts';
import { brokenOnlineStores } from '../support/broken-online-stores.ts';
import { describeBroken } from '../support/contract-suite.ts';

describeBroken('online store', onlineStoreCases, brokenOnlineStores);
