/** P13: every output name of a view once, compared without case; the remedy is a prefix the user chooses. */
import { LakefoldError } from '../core/errors.ts';
import type { FeatureViewDraft } from './parse-view.ts';

interface Output {
  readonly name: string;
  readonly source: string;
  /** Index of its join, where it has one. */
  readonly join: number | undefined;
}

/** @throws LakefoldError AMBIGUOUS_FEATURE_NAME with `suggestedPrefix` */
export function checkOutputNames(draft: FeatureViewDraft): void {
  const outputs: readonly Output[] = [
    ...draft.spine.map((column) => ({ name: column.name, source: 'the spine', join: undefined })),
    ...draft.joins.flatMap((join, i) => join.features.map((feature) => ({ name: join.prefix + feature, source: `join ${join.name}`, join: i }))),
    ...draft.onDemand.map((item) => ({ name: item.name, source: `function ${item.name}`, join: undefined })),
  ];
  const first = new Map<string, Output>();
  const errors = [];
  let suggestedPrefix: string | undefined;
  for (const output of outputs) {
    const key = output.name.toLowerCase();
    const other = first.get(key);
    if (other === undefined) {
      first.set(key, output);
      continue;
    }
    const at = output.join ?? other.join;
    const suggestion = at === undefined ? undefined : suggestPrefix(draft, at, outputs);
    suggestedPrefix ??= suggestion;
    errors.push({
      field: at === undefined ? 'onDemand' : `joins[${at}].prefix`,
      feature: output.name,
      code: 'AMBIGUOUS_FEATURE_NAME',
      message: `${output.name} comes from ${other.source} and from ${output.source}${suggestion === undefined ? '' : `: set prefix ${JSON.stringify(suggestion)}`}`,
    });
  }
  if (errors.length > 0)
    throw new LakefoldError('AMBIGUOUS_FEATURE_NAME', errors[0]?.message ?? '', { errors, context: suggestedPrefix === undefined ? {} : { suggestedPrefix } });
}

/** The group's name, then numbered, until none of the join's features collides. */
function suggestPrefix(draft: FeatureViewDraft, at: number, outputs: readonly Output[]): string {
  const join = draft.joins[at];
  const taken = new Set(outputs.filter((output) => output.join !== at).map((output) => output.name.toLowerCase()));
  for (let n = 1; ; n += 1) {
    const prefix = `${join?.featureGroup ?? 'join'}_${n === 1 ? '' : `${n}_`}`;
    if (join === undefined || join.features.every((feature) => !taken.has(`${prefix}${feature}`.toLowerCase()))) return prefix;
  }
}
