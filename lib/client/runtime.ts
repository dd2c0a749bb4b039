/** What the client needs of the runtime it is in: the one file that reaches for globals, so that tests can bring their own time and chance. */

export interface ClientRuntime {
  readonly fetch: (request: Request) => Promise<Response>;
  /** Calls back once after `millis`; what it returns takes that back. */
  readonly after: (millis: number, callback: () => void) => () => void;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  /** In [0, 1). */
  readonly random: () => number;
}

/** The globals that browsers, Node from 20, workerd, Deno and Bun share. */
export function globalRuntime(fetchInstead?: ClientRuntime['fetch']): ClientRuntime {
  return {
    // Looked up at the call: whoever instruments `fetch` after this module was loaded is seen.
    fetch: fetchInstead ?? ((request) => globalThis.fetch(request)),
    after: (millis, callback) => {
      const timer = setTimeout(callback, millis);
      return () => clearTimeout(timer);
    },
    now: () => performance.now(),
    random: () => Math.random(),
  };
}
