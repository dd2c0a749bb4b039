/** A client's runtime in a test's hands: its clock moves when told to, chance is fixed, and requests go where the test says. */
import type { ClientRuntime } from '../../lib/client/runtime.ts';

export interface ManualRuntime extends ClientRuntime {
  /** Bodies of the requests so far. */
  readonly sent: { readonly url: string; readonly headers: Headers; readonly body: unknown }[];
  /** Moves the clock and calls back what falls due, letting promises settle before and after each. */
  advance(millis: number): Promise<void>;
  /** Timers not yet due or taken back. */
  timers(): number;
}

export function manualRuntime(answer: (request: Request, call: number) => Promise<Response> | Response): ManualRuntime {
  const sent: { url: string; headers: Headers; body: unknown }[] = [];
  const timers = new Map<number, { readonly at: number; readonly callback: () => void }>();
  let now = 0;
  let ids = 0;
  return {
    sent,
    timers: () => timers.size,
    now: () => now,
    random: () => 0.5,
    fetch: async (request) => {
      const { url, headers } = request;
      sent.push({ url, headers, body: await request.clone().json() });
      return answer(request, sent.length);
    },
    after: (millis, callback) => {
      const id = ids++;
      timers.set(id, { at: now + millis, callback });
      return () => void timers.delete(id);
    },
    advance: async (millis) => {
      const end = now + millis;
      for (;;) {
        await settled();
        const due = [...timers].filter(([, { at }]) => at <= end).toSorted(([, a], [, b]) => a.at - b.at)[0];
        if (due === undefined) break;
        timers.delete(due[0]);
        now = Math.max(now, due[1].at);
        due[1].callback();
      }
      now = end;
      await settled();
    },
  };
}

/** Every promise that needs nothing from outside has gone as far as it goes: bodies of requests are read over several turns. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}
