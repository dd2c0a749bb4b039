/** Every rule of the semantics, and its proofs. */
import type { Proof } from './proof.ts';
import { DELETES } from './proofs/deletes.ts';
import { EVOLUTION } from './proofs/evolution.ts';
import { FOLD_RULES } from './proofs/fold.ts';
import { POINT_IN_TIME } from './proofs/point-in-time.ts';
import { SERVING } from './proofs/serving.ts';
import { VALIDATION } from './proofs/validation.ts';

export const PROOFS: readonly Proof[] = [...POINT_IN_TIME, ...FOLD_RULES, ...DELETES, ...SERVING, ...EVOLUTION, ...VALIDATION];
