/** Nominal types over the same base, for values that must not mix. Made only by a guard. */
declare const brand: unique symbol;

export type Brand<Base, Name extends string> = Base & { readonly [brand]: Name };
