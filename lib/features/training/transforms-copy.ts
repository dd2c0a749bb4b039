/**
 * What published training sets were fitted with, copied into the control store: all that `serve` may read (storage.md §4).
 *
 * `transforms/<project>` | `<view>/<version>/<number>` {format, transforms}, written once before the set is published.
 */
import { utf8 } from '../../core/bytes.ts';
import { LakefoldError } from '../../core/errors.ts';
import { isJsonObject, parseJson, stringifyJson } from '../../core/json.ts';
import type { FittedTransform } from '../../online/model-transform.ts';
import { parseFittedTransforms, type TrainingSetName } from '../../online/transformed-views.ts';
import type { Control } from '../../ports/control.ts';

const FORMAT = 1;

export async function writeTransformsCopy(control: Pick<Control, 'put'>, set: TrainingSetName, transforms: readonly FittedTransform[]): Promise<void> {
  await control.put({ ...placeOf(set), bytes: utf8(stringifyJson({ format: FORMAT, transforms })) });
}

/** @throws LakefoldError UNKNOWN_TRAINING_DATASET, CORRUPT_STORE */
export async function readTransformsCopy(control: Pick<Control, 'get'>, set: TrainingSetName): Promise<readonly FittedTransform[]> {
  const { partition, sort } = placeOf(set);
  const record = await control.get(partition, sort);
  if (record === undefined)
    throw new LakefoldError(
      'UNKNOWN_TRAINING_DATASET',
      `expected a training dataset of ${set.name}/${set.version}, found none of number ${set.trainingDataset}`,
      {
        context: { trainingDataset: set.trainingDataset },
      },
    );
  const json = parseJson(record.bytes);
  return parseFittedTransforms(isJsonObject(json) ? json['transforms'] : undefined);
}

function placeOf({ project, name, version, trainingDataset }: TrainingSetName): { readonly partition: string; readonly sort: string } {
  return { partition: `transforms/${project}`, sort: `${name}/${version}/${trainingDataset}` };
}
