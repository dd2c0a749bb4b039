/** How long the code of each byte becomes in Huffman's code, none longer than zstd allows. Pure. */

/** Bits of the longest code in a zstd literals section. */
const BITS_MAX = 11;
/** Codes that leave no room over have this many shares of it together. */
const SHARES = 1 << BITS_MAX;

/** Bits by symbol, 0 of one that does not occur. At least two occur. */
export function huffmanLengths(counts: Uint32Array): Uint8Array {
  const symbols = [...counts.keys()].filter((symbol) => counts[symbol] !== 0).toSorted((a, b) => (counts[a] ?? 0) - (counts[b] ?? 0) || a - b);
  const depths = treeDepths(symbols.map((symbol) => counts[symbol] ?? 0));
  fitDepths(depths);
  const lengths = new Uint8Array(counts.length);
  symbols.forEach((symbol, i) => {
    lengths[symbol] = depths[i] ?? 0;
  });
  return lengths;
}

/** Depths of the leaves of Huffman's tree; `weights` ascend. Nodes come to be in order of their weights, so two queues do for a heap. */
function treeDepths(weights: readonly number[]): number[] {
  const count = weights.length;
  const all = [...weights];
  const parents: number[] = [];
  let leaf = 0;
  let node = count;
  const takeLeast = (): number => {
    const isLeaf = leaf < count && (node >= all.length || (all[leaf] ?? 0) <= (all[node] ?? 0));
    if (isLeaf) leaf += 1;
    else node += 1;
    return isLeaf ? leaf - 1 : node - 1;
  };
  for (let made = count; made < 2 * count - 1; made += 1) {
    const [a, b] = [takeLeast(), takeLeast()];
    parents[a] = made;
    parents[b] = made;
    all.push((all[a] ?? 0) + (all[b] ?? 0));
  }
  const depths: number[] = [];
  depths[2 * count - 2] = 0;
  for (let i = 2 * count - 3; i >= 0; i -= 1) depths[i] = (depths[parents[i] ?? 0] ?? 0) + 1;
  return depths.slice(0, count);
}

/** Cuts depths to the most allowed, makes room for that at the rarest, and gives away what is left over. `depths` descend. */
function fitDepths(depths: number[]): void {
  let used = 0;
  for (let i = 0; i < depths.length; i += 1) {
    depths[i] = Math.min(BITS_MAX, depths[i] ?? 0);
    used += SHARES >> (depths[i] ?? 0);
  }
  for (let i = 0; used > SHARES;) {
    const depth = depths[i] ?? BITS_MAX;
    if (depth < BITS_MAX) {
      depths[i] = depth + 1;
      used -= SHARES >> (depth + 1);
    } else i += 1;
  }
  for (let i = depths.length - 1; used < SHARES && i >= 0; i -= 1) {
    for (let gain = SHARES >> (depths[i] ?? 0); used + gain <= SHARES; gain = SHARES >> (depths[i] ?? 0)) {
      depths[i] = (depths[i] ?? 0) - 1;
      used += gain;
    }
  }
}
