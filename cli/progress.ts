/** One line on stderr that grows while a person waits. */
import type { Output } from './output.ts';
import type { Terminal } from './terminal.ts';

export interface Progress {
  /** `total` where it is known. */
  update(done: number, total?: number): void;
  /** Takes the line away again. */
  end(): void;
}

const REDRAW_MILLIS = 100;
const BAR_WIDTH = 24;

/** Silent unless stderr is a screen and nobody asked for quiet. */
export function progress({ terminal, output }: { readonly terminal: Terminal; readonly output: Output }, label: string, unit: string): Progress {
  const { stderr } = terminal;
  if (stderr.isTTY !== true || output.isQuiet) return { update: () => undefined, end: () => undefined };
  let drawnAt = 0;
  let isDrawn = false;
  return {
    update: (done, total) => {
      const now = performance.now();
      if (now - drawnAt < REDRAW_MILLIS) return;
      drawnAt = now;
      isDrawn = true;
      stderr.write(`\r\u001b[K${label} ${total === undefined ? '' : `${bar(done / Math.max(1, total))} `}${done.toLocaleString('en')} ${unit}`);
    },
    end: () => {
      if (isDrawn) stderr.write('\r\u001b[K');
    },
  };
}

function bar(share: number): string {
  const filled = Math.round(Math.min(1, share) * BAR_WIDTH);
  return `${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)}`;
}
