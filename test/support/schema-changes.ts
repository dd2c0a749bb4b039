/** The table of schema evolution (semantics §6), a change a row, of one group: for requests and commands alike. */

const COLUMNS = [
  { name: 'k', type: 'string' },
  { name: 'at', type: 'timestamp' },
  { name: 'n', type: 'int' },
  { name: 'big', type: 'bigint' },
  { name: 'x', type: 'float' },
  { name: 'y', type: 'double', nullable: true },
  { name: 'price', type: 'decimal(5,2)' },
];

/** The group before any change. */
export const EVOLVING = {
  name: 'evolving',
  version: 1,
  primaryKey: ['k'],
  eventTime: 'at',
  ttl: 'P7D',
  schema: COLUMNS,
};
/** A row of it; every widening keeps its values. */
export const EVOLVING_ROW = { k: 'a', at: '2001-03-01T10:00:00Z', n: -7, big: 9_007_199_254_740_991, x: 0.5, y: null, price: '-1.50' };

export interface SchemaChange {
  readonly what: string;
  readonly verdict: 'in place' | 'rewrite' | 'new version';
  readonly definition: object;
  /** What the plan's details name. */
  readonly path: string;
  readonly change: 'add' | 'change' | 'remove';
}

const group = (members: object): object => ({ ...EVOLVING, ...members });
const retyped = (name: string, members: object): object =>
  group({ schema: COLUMNS.map((column) => (column.name === name ? { ...column, ...members } : column)) });
const added = (members: object): object => group({ schema: [...COLUMNS, { name: 'more', type: 'int', ...members }] });
const without = (name: string): object => group({ schema: COLUMNS.filter((column) => column.name !== name) });

const inPlace = (what: string, definition: object, path: string, change: SchemaChange['change'] = 'change'): SchemaChange => ({
  what,
  verdict: 'in place',
  definition,
  path,
  change,
});
const rewrite = (what: string, name: string, type: string): SchemaChange => ({
  what,
  verdict: 'rewrite',
  definition: retyped(name, { type }),
  path: `schema.${name}`,
  change: 'change',
});
const newVersion = (what: string, definition: object, path: string, change: SchemaChange['change'] = 'change'): SchemaChange => ({
  what,
  verdict: 'new version',
  definition,
  path,
  change,
});

export const SCHEMA_CHANGES: readonly SchemaChange[] = [
  inPlace('add nullable column', added({ nullable: true }), 'schema.more', 'add'),
  inPlace('add nullable column with a default', added({ nullable: true, default: 7 }), 'schema.more', 'add'),
  inPlace('required → nullable', retyped('n', { nullable: true }), 'schema.n'),
  inPlace('description', group({ description: 'other' }), 'description'),
  inPlace('description of a column', retyped('n', { description: 'a count' }), 'schema.n'),
  inPlace('tags', group({ tags: { team: 'data' } }), 'tags'),
  inPlace('owner', group({ owner: 'data@example.com' }), 'owner'),
  inPlace('shorter ttl', group({ ttl: 'P3D' }), 'ttl'),
  inPlace('longer ttl', group({ ttl: 'P14D' }), 'ttl'),
  inPlace('statistics', group({ statistics: false }), 'statistics'),
  inPlace('expectations', group({ expectations: [{ expectationType: 'expect_column_values_to_not_be_null', kwargs: { column: 'n' } }] }), 'expectations'),
  inPlace('availabilityDelay', group({ availabilityDelay: 'PT10M' }), 'availabilityDelay'),
  inPlace('retention', group({ retention: 'P60D' }), 'retention'),
  rewrite('int → bigint', 'n', 'bigint'),
  rewrite('int → double', 'n', 'double'),
  rewrite('float → double', 'x', 'double'),
  rewrite('decimal of more digits', 'price', 'decimal(9,2)'),
  newVersion('nullable → required', retyped('y', { nullable: false }), 'schema.y'),
  newVersion('narrowing', retyped('big', { type: 'int' }), 'schema.big'),
  newVersion('bigint → double', retyped('big', { type: 'double' }), 'schema.big'),
  newVersion('decimal of another scale', retyped('price', { type: 'decimal(9,3)' }), 'schema.price'),
  newVersion('any other retype', retyped('n', { type: 'string' }), 'schema.n'),
  newVersion('drop column', without('y'), 'schema.y', 'remove'),
  newVersion('rename column', group({ schema: COLUMNS.map((column) => (column.name === 'y' ? { ...column, name: 'z' } : column)) }), 'schema.y', 'remove'),
  newVersion('add required column', added({}), 'schema.more', 'add'),
  newVersion('primaryKey', group({ primaryKey: ['k', 'n'] }), 'primaryKey'),
  newVersion('eventTime', group({ eventTime: undefined, ttl: undefined }), 'eventTime'),
  newVersion('partitionBy', group({ partitionBy: ['k'] }), 'partitionBy'),
];
