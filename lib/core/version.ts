/** Numbers of commits: 0, 1, 2, … */
import type { Brand } from './brand.ts';
import { LakefoldError } from './errors.ts';

export type TableVersion = Brand<number, 'TableVersion'>;

export function isTableVersion(value: number): value is TableVersion {
  return Number.isSafeInteger(value) && value >= 0;
}

/** @throws LakefoldError INVALID_ARGUMENT when `value` is no version */
export function tableVersion(value: number): TableVersion {
  if (!isTableVersion(value)) throw new LakefoldError('INVALID_ARGUMENT', `expected a version (a whole number from 0), found ${value}`);
  return value;
}
