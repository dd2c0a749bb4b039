/** What a case of the online store contract is given. */
import type { OnlineStore } from '../../lib/ports/online-store.ts';

export interface OnlineStoreSubject {
  readonly store: OnlineStore;
  /** No other case uses it. */
  readonly project: string;
}
