/**
 * An immutable map that a few changes turn into the next one without copying it: a large shared base under a small
 * overlay, folded into a new base when the overlay outgrows the square root of the base.
 *
 * Iteration is in the order in which entries were last set.
 */

/** Below this size folding is cheaper than looking twice. */
const OVERLAY_MIN = 64;

export class OverlayMap<V> implements ReadonlyMap<string, V> {
  readonly #base: ReadonlyMap<string, V>;
  /** Undefined = deleted. */
  readonly #overlay: ReadonlyMap<string, V | undefined>;
  readonly size: number;

  private constructor(base: ReadonlyMap<string, V>, overlay: ReadonlyMap<string, V | undefined>, size: number) {
    this.#base = base;
    this.#overlay = overlay;
    this.size = size;
  }

  /** A view of `map`, which must not change afterwards. */
  static of<V>(map: ReadonlyMap<string, V>): OverlayMap<V> {
    return map instanceof OverlayMap ? map : new OverlayMap(map, new Map(), map.size);
  }

  /** This map with entries set, or deleted where the value is undefined; itself when there are no changes. */
  with(changes: ReadonlyMap<string, V | undefined>): OverlayMap<V> {
    if (changes.size === 0) return this;
    const overlay = new Map(this.#overlay);
    let { size } = this;
    for (const [key, value] of changes) {
      size += Number(value !== undefined) - Number(this.has(key));
      overlay.delete(key);
      if (value !== undefined || this.#base.has(key)) overlay.set(key, value);
    }
    const next = new OverlayMap(this.#base, overlay, size);
    return overlay.size > Math.max(OVERLAY_MIN, Math.sqrt(this.#base.size)) ? new OverlayMap(new Map(next), new Map(), size) : next;
  }

  get(key: string): V | undefined {
    return this.#overlay.has(key) ? this.#overlay.get(key) : this.#base.get(key);
  }

  has(key: string): boolean {
    return this.#overlay.has(key) ? this.#overlay.get(key) !== undefined : this.#base.has(key);
  }

  forEach(visit: (value: V, key: string, map: ReadonlyMap<string, V>) => void): void {
    for (const [key, value] of this) visit(value, key, this);
  }

  *entries(): Generator<[string, V], undefined> {
    for (const entry of this.#base) if (!this.#overlay.has(entry[0])) yield entry;
    for (const [key, value] of this.#overlay) if (value !== undefined) yield [key, value];
    return undefined;
  }

  *keys(): Generator<string, undefined> {
    for (const [key] of this.entries()) yield key;
    return undefined;
  }

  *values(): Generator<V, undefined> {
    for (const [, value] of this.entries()) yield value;
    return undefined;
  }

  [Symbol.iterator](): Generator<[string, V], undefined> {
    return this.entries();
  }
}
