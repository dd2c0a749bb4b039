/** The process as a command sees it: streams, environment, working directory, interrupts. Injected, so that tests need no process. */

/** A stream that may be a screen. */
export interface OutputStream extends NodeJS.WritableStream {
  readonly isTTY?: boolean;
  /** Width of the screen, characters. */
  readonly columns?: number;
}

export interface InputStream extends AsyncIterable<string | Uint8Array> {
  readonly isTTY?: boolean;
}

export interface Terminal {
  readonly stdin: InputStream;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where relative paths begin. */
  readonly cwd: string;
  /** Aborts when the user asks the process to end. Who asks for it takes that over: until then the process just ends. */
  readonly signal: () => AbortSignal;
}

/** Writes, and waits until the chunk is taken: a slow reader slows us down, one that went away is an error. */
export async function writeTo(stream: NodeJS.WritableStream, chunk: string | Uint8Array): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    stream.write(chunk, (error) => (error === undefined || error === null ? resolve() : reject(error)));
  });
}

/** Everything that stdin brings. */
export async function readInput(stdin: InputStream): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stdin) chunks.push(typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
  return new Uint8Array(Buffer.concat(chunks));
}
