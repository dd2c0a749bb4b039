/**
 * A process that works on the LMDB folder named by its first argument until it is killed or has done its share.
 *
 * Prints a line when ready and one for each thing acknowledged.
 */
import { openLmdbControl } from '../../lib/adapters/lmdb/control.ts';
import { openLmdbOnlineStore } from '../../lib/adapters/lmdb/online-store.ts';
import { openLmdbQueue } from '../../lib/adapters/lmdb/queue.ts';
import { SystemClock } from '../../lib/adapters/system/clock.ts';
import { utf8 } from '../../lib/core/bytes.ts';
import { rowOf, tableOf } from './online-rows.ts';

const [, , directory = '', name = '', rounds = '0'] = process.argv;
const ROWS = 20;

async function work(): Promise<void> {
  const online = openLmdbOnlineStore({ directory });
  const control = openLmdbControl({ directory });
  const queue = openLmdbQueue({ directory, clock: new SystemClock() });
  process.stdout.write('ready\n');
  for (let round = 1; round <= Number(rounds); round += 1) {
    const eventTime = round * 1000 + Number(name);
    await online.merge(
      tableOf('demo'),
      Array.from({ length: ROWS }, (_, i) => rowOf(`k${i}`, { eventTime, commit: eventTime })),
    );
    process.stdout.write(`merged ${eventTime}\n`);
    for (let counted = false; !counted;) {
      const stored = await control.get('counter', 'k');
      const next = { partition: 'counter', sort: 'k', bytes: utf8(String(Number(new TextDecoder().decode(stored?.bytes ?? utf8('0'))) + 1)) };
      counted =
        (await control.put(next, { condition: stored === undefined ? { kind: 'absent' } : { kind: 'revision', revision: stored.revision } })) !== undefined;
    }
    process.stdout.write('counted\n');
    await queue.send(`${name}/${round}`);
    process.stdout.write(`sent ${name}/${round}\n`);
    for (const message of await queue.receive({ countMax: 2, visibilitySeconds: 3600 })) {
      await queue.acknowledge(message.receipt);
      process.stdout.write(`done ${message.body}\n`);
    }
  }
  await Promise.all([online.close(), control.close(), queue.close()]);
}

void work();
