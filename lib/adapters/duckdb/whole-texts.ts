/**
 * Texts as they are. `@duckdb/node-api` decodes every text by a decoder that takes U+FEFF at its beginning for a byte order mark
 * and drops it, so a feature would be another in a training set than online. The decoder is a member that its readers look up.
 */
import accessors from '@duckdb/node-api/lib/vectors/dataAccessors.js';

/** From now on no text loses its first character. */
export function keepWholeTexts(): void {
  Reflect.set(accessors, 'textDecoder', new TextDecoder('utf-8', { ignoreBOM: true }));
}
