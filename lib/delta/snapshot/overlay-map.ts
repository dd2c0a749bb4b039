/**
 * An immutable map that a few changes turn into the next one without copying it: a large shared base under a small
 * overlay, folded into a new base when the overlay outgrows the square root of the base.
 *
 * Iteration is in the order in which entries were last set.
 */

/** Below this size folding is cheaper than looking twice. */
const OVERLAY_MIN = 64;
/** Folding columns copies every one of them: so many more changes are worth waiting for. */
const COLUMNS_OVERLAY_MIN = 1024;

/** A base that folds changes in by itself. */
export interface FoldingMap<V> extends ReadonlyMap<string, V> {
  withChanges(changes: ReadonlyMap<string, V | undefined>): FoldingMap<V>;
}

export class OverlayMap<V> implements ReadonlyMap<string, V> {
  readonly base: ReadonlyMap<string, V>;
  /** What changed since the base; undefined = deleted. */
  readonly overlay: ReadonlyMap<string, V | undefined>;
  readonly size: number;

  private constructor(base: ReadonlyMap<string, V>, overlay: ReadonlyMap<string, V | undefined>, size: number) {
    this.base = base;
    this.overlay = overlay;
    this.size = size;
  }

  /** A view of `map`, which must not change afterwards. */
  static of<V>(map: ReadonlyMap<string, V>): OverlayMap<V> {
    return map instanceof OverlayMap ? map : new OverlayMap(map, new Map(), map.size);
  }

  /** This map with entries set, or deleted where the value is undefined; itself when there are no changes. */
  with(changes: ReadonlyMap<string, V | undefined>): OverlayMap<V> {
    if (changes.size === 0) return this;
    const overlay = new Map(this.overlay);
    let { size } = this;
    for (const [key, value] of changes) {
      size += Number(value !== undefined) - Number(this.has(key));
      overlay.delete(key);
      if (value !== undefined || this.base.has(key)) overlay.set(key, value);
    }
    const { base } = this;
    if (isFolding(base)) {
      if (overlay.size <= Math.max(COLUMNS_OVERLAY_MIN, Math.sqrt(base.size))) return new OverlayMap(base, overlay, size);
      return new OverlayMap(base.withChanges(overlay), new Map(), size);
    }
    const next = new OverlayMap(base, overlay, size);
    return overlay.size > Math.max(OVERLAY_MIN, Math.sqrt(base.size)) ? new OverlayMap(new Map(next), new Map(), size) : next;
  }

  get(key: string): V | undefined {
    return this.overlay.has(key) ? this.overlay.get(key) : this.base.get(key);
  }

  has(key: string): boolean {
    return this.overlay.has(key) ? this.overlay.get(key) !== undefined : this.base.has(key);
  }

  forEach(visit: (value: V, key: string, map: ReadonlyMap<string, V>) => void): void {
    for (const [key, value] of this) visit(value, key, this);
  }

  *entries(): Generator<[string, V], undefined> {
    for (const entry of this.base) if (!this.overlay.has(entry[0])) yield entry;
    for (const [key, value] of this.overlay) if (value !== undefined) yield [key, value];
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

function isFolding<V>(map: ReadonlyMap<string, V>): map is FoldingMap<V> {
  return 'withChanges' in map;
}
