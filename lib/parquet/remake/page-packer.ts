/** Pages packed as they are made, at once by the system's Zstandard, else some at a time by the Parquet writer. */
import type { MadePage, PackedPage } from './made-chunk.ts';
import { packAll, type PageBytesDeps } from './page-bytes.ts';

export interface PagePacker {
  /** The body's bytes may be written over afterwards. */
  readonly push: (page: MadePage, body: Uint8Array) => void;
  /** All pages so far, packed. */
  readonly pack: () => Promise<readonly PackedPage[]>;
}

export function createPagePacker(deps: PageBytesDeps): PagePacker {
  const made: PackedPage[] = [];
  let waiting: { readonly page: MadePage; readonly body: Uint8Array }[] = [];
  return {
    push: (page, body) => {
      if (deps.zstd === undefined) waiting.push({ page, body: body.slice() });
      else made.push({ page, decodedBytes: body.length, packed: deps.zstd.pack(body) });
    },
    pack: async () => {
      const pages = waiting;
      waiting = [];
      const packed = await packAll(
        deps,
        pages.map(({ body }) => body),
      );
      pages.forEach(({ page, body }, i) => made.push({ page, decodedBytes: body.length, packed: packed[i] ?? body }));
      return made;
    },
  };
}
