/** What the feature store's use cases are given. */
import type { DeltaDeps } from '../delta/deps.ts';
import type { Control } from '../ports/control.ts';
import type { OnlineStore } from '../ports/online-store.ts';
import type { FeatureGroupState } from '../registry/definition.ts';

/** Work that no answer waits for: checkpoints, clean-up. The embedded store finishes it on close. */
export interface Background {
  run(name: string, task: () => Promise<void>): void;
}

export interface ProjectDeps extends DeltaDeps {
  /** Absent where definitions are only read. */
  readonly control: Control | undefined;
  /** Where no data may be touched: a column's wider type, which needs all files written again, is refused. */
  readonly rewrites?: 'refused';
  /** Told of a group whose online values a change of its definition asks to be loaded anew (T4, U11); left out, whoever publishes next finds it. */
  readonly loadWanted?: (group: { readonly project: string; readonly state: FeatureGroupState }) => void;
}

export interface FeatureDeps extends DeltaDeps {
  readonly online: OnlineStore;
  readonly control: Control;
  readonly background: Background;
}
