/** P11: keys that are features of other joins; at most three levels, no circle. */
import type { DefinitionFaults } from './definition-reader.ts';
import type { JoinDraft } from './parse-view.ts';

const DEPTH_MAX = 3;

/** Notes UNKNOWN_COLUMN, CYCLE and TOO_DEEP. */
export function checkVia(joins: readonly JoinDraft[], faults: DefinitionFaults): void {
  joins.forEach((join, i) => {
    if (join.via === null) return;
    const place = `joins[${i}].via`;
    const source = joins.find((other) => other.name === join.via?.join);
    if (source === undefined) faults.add(`${place}.join`, 'UNKNOWN_COLUMN', `expected a join of this view, found ${JSON.stringify(join.via.join)}`);
    else if (!source.features.includes(join.via.feature))
      faults.add(`${place}.feature`, 'UNKNOWN_COLUMN', `expected a feature of join ${source.name}, found ${JSON.stringify(join.via.feature)}`);
    const depth = depthOf(joins, join);
    if (depth === undefined) faults.add(place, 'CYCLE', `join ${join.name} depends on itself`);
    else if (depth > DEPTH_MAX) faults.add(place, 'TOO_DEEP', `expected at most ${DEPTH_MAX} levels of joins, found ${depth}`);
  });
}

/** Levels of joins down to the spine, itself included; undefined when they go round in a circle. */
function depthOf(joins: readonly JoinDraft[], join: JoinDraft): number | undefined {
  const seen = new Set<string>();
  let current: JoinDraft | undefined = join;
  while (current !== undefined) {
    if (seen.has(current.name)) return undefined;
    seen.add(current.name);
    const next: string | undefined = current.via?.join;
    current = next === undefined ? undefined : joins.find((other) => other.name === next);
  }
  return seen.size;
}
