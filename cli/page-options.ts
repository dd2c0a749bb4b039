/** Options of commands that list. */
import type { Arguments, OptionSpecs } from './arguments.ts';

export const PAGE_OPTIONS = {
  limit: { kind: 'text', value: 'N', help: 'items of one page, up to 1000; without it all items are listed' },
  cursor: { kind: 'text', value: 'CURSOR', help: 'nextCursor of the page before' },
} as const satisfies OptionSpecs;

export function pageOf(args: Arguments): { readonly limit: number | undefined; readonly cursor: string | undefined } {
  return { limit: args.integer('limit', { min: 1 }), cursor: args.text('cursor') };
}
