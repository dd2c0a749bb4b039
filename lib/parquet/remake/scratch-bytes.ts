/** Memory that is written over again and again: fresh memory costs more than what is done with a page in it. */

export interface ScratchBytes {
  /** Both, one behind the other, at the start of the memory; the bytes are theirs until the next call. */
  readonly join: (a: Uint8Array, b: Uint8Array) => Uint8Array;
}

/** Grows to twice what was needed last. */
export function scratchBytes(): ScratchBytes {
  let memory = new Uint8Array();
  return {
    join: (a, b) => {
      const size = a.length + b.length;
      if (size > memory.length) memory = new Uint8Array(size * 2);
      memory.set(a);
      memory.set(b, a.length);
      return memory.subarray(0, size);
    },
  };
}
