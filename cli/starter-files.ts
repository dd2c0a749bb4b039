/** What `lakefold init` writes, by file name. */

const CONFIG = `import { featureGroup, featureView, join, onDemand, t } from 'lakefold';

/** One row for every customer and moment: what they had bought by then. The newest row of each customer is served online. */
export const customerStats = featureGroup({
  name: 'customer_stats',
  version: 1,
  description: 'Purchases of the last 30 days',
  schema: {
    customer: t.string(),
    at: t.timestamp(),
    orders_30d: t.int(),
    spend_30d: t.double().nullable(),
  },
  primaryKey: ['customer'],
  eventTime: 'at',
  onlineEnabled: true,
});

/** What a model sees of an order: the customer's numbers as they were when it was placed, and how the amount compares with them. */
export const basketRisk = featureView({
  name: 'basket_risk',
  version: 1,
  spine: { customer: t.string(), ordered_at: t.timestamp(), amount: t.double(), fraud: t.boolean().nullable() },
  labelTime: 'ordered_at',
  labels: ['fraud'],
  joins: [join(customerStats, { on: { customer: 'customer' }, features: ['orders_30d', 'spend_30d'], defaults: { orders_30d: 0 } })],
  onDemand: [
    onDemand({
      name: 'amount_to_spend',
      inputs: { amount: t.double(), spend_30d: t.double().nullable() },
      returns: t.double().nullable(),
      compute: ({ amount, spend_30d }) => (spend_30d === null || spend_30d === 0 ? null : amount / spend_30d),
    }),
  ],
});
`;

const ROWS = `customer,at,orders_30d,spend_30d
ada,2024-05-01T08:00:00Z,2,40.0
ada,2024-05-20T08:00:00Z,5,160.0
grace,2024-05-03T12:30:00Z,1,15.5
grace,2024-05-21T09:15:00Z,3,75.25
linus,2024-05-10T18:45:00Z,0,
`;

const ORDERS = `{"customer":"ada","ordered_at":"2024-05-10T10:00:00Z","amount":20,"fraud":false}
{"customer":"ada","ordered_at":"2024-05-25T10:00:00Z","amount":320,"fraud":true}
{"customer":"grace","ordered_at":"2024-05-22T16:20:00Z","amount":25.5,"fraud":false}
{"customer":"linus","ordered_at":"2024-05-09T07:00:00Z","amount":99,"fraud":false}
`;

export const STARTER_FILES: Readonly<Record<string, string>> = {
  'lakefold.config.ts': CONFIG,
  'customer_stats.csv': ROWS,
  'orders.ndjson': ORDERS,
  '.gitignore': 'node_modules/\n.lakefold/\n',
};
