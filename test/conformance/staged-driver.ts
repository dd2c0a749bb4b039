/** A way into a store, with the library beside it for what no client can ask for. */
import type { Driver } from '../../cli/conformance/driver.ts';

/**
 * Everything goes through `client`, but for rows received at a given instant, a publisher that stops at a commit and writes that
 * land late: these the library brings about on the same stores.
 */
export function stagedDriver(library: Driver, client: Driver): Driver {
  return {
    ...client,
    write: (rows, settings) => (settings.receivedMicros === undefined ? client : library).write(rows, settings),
    publish: (group, to) => (to === 'head' ? client : library).publish(group, to),
    resend: (group, version) => library.resend(group, version),
    close: async () => {
      await client.close();
      await library.close();
    },
  };
}
