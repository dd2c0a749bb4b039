/** The platform's Zstandard, where it has one. What it packs need not be byte for byte what another release of it packs. */
export interface Zstd {
  /** One frame, which tells the size of what is in it. */
  readonly pack: (bytes: Uint8Array) => Uint8Array;
  /** Undefined where the bytes are no frame of at most `size` bytes. */
  readonly unpack: (bytes: Uint8Array, size: number) => Uint8Array | undefined;
}
