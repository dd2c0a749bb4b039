/** Local disk for the engine: copies of remote files, kept while there is room. */

export interface Scratch {
  /** A local path holding these bytes; `name` identifies immutable content, so a second call may answer the first's copy. */
  hold(name: string, load: () => Promise<Uint8Array>): Promise<string>;
  /** The bytes that `fill` wrote to the path it is given; the file is gone when this answers. */
  collect(fill: (localPath: string) => Promise<void>): Promise<Uint8Array>;
}
