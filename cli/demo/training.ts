/** Step: a training set as of each flight's departure, the naive one beside it, and what the difference does to a model. */
import { join } from 'node:path';
import { type Batch, concatBatches, isNullAt, valueAt, type Vector, vectorNamed } from '../../lib/core/batch.ts';
import { isJsonObject, type JsonObject } from '../../lib/core/json.ts';
import type { Column } from '../../lib/core/types.ts';
import { bytesSource } from '../../lib/ports/table-codec.ts';
import { COMPUTED_FEATURES, PROJECT, STORED_FEATURES, VIEW } from './definitions.ts';
import type { Demo } from './demo.ts';
import { areaUnderCurve, type Examples, fitModel, type Model, scoresOf } from './model.ts';
import type { ServedVector } from './online-check.ts';
import { count, type Step } from './story.ts';
import { midnight } from './truth.ts';

const INPUTS = [...STORED_FEATURES, ...COMPUTED_FEATURES];
const DATASETS = `/v1/projects/${PROJECT}/feature-views/${VIEW}/versions/1/training-datasets`;

/** `served`: the newest vector of each route, which the naive join gives to every flight whenever it left. */
export async function train(demo: Demo, step: Step, input: { readonly spineFile: string; readonly served: ReadonlyMap<string, ServedVector> }): Promise<void> {
  const flights = await demo.feed.writeSpine(input.spineFile);
  const { body } = await demo.client.json({ method: 'POST', path: DATASETS, json: { spine: { source: input.spineFile, format: 'parquet' } } });
  const number = Number(body['trainingDataset']);
  step.say(
    `Training dataset ${VIEW}/1/${number}: ${count(flights)} flights of June, each with what was known at its departure; pinned to ${pinsOf(body)}, ${textOf(body['contentHash']).slice(0, 19)}…`,
  );
  const { trainFrom, end, flightsEvery } = demo.scenario;
  const file = join(demo.location, PROJECT, 'training-datasets', VIEW, '1', String(number), 'data', 'part-00000.parquet');
  const { rows, expectedRows, different, example } = await (
    await demo.oracle
  ).compareTraining(file, { from: midnight(trainFrom), until: midnight(end), every: flightsEvery });
  step.check(`all ${count(rows)} rows, ${count(rows * INPUTS.length)} values, in the order asked: each is what SQL finds at or before the departure`, {
    found: { rows, different, example },
    expected: { rows: expectedRows, different: 0, example: '' },
  });
  const honest = await readExamples(demo, number);
  const isTest = testRows(honest.departsAt, midnight(demo.scenario.testFrom));
  const naive = naiveInputs(honest, input.served);
  tellModels(step, { honest: splitOf(honest, isTest), naive: splitOf({ ...honest, inputs: naive }, isTest), testFrom: demo.scenario.testFrom });
}

interface Split {
  readonly train: Examples;
  readonly test: Examples;
}

function tellModels(step: Step, { honest, naive, testFrom }: { readonly honest: Split; readonly naive: Split; readonly testFrom: string }): void {
  const auc = (model: Model, { inputs, labels, width }: Examples): number => areaUnderCurve(scoresOf(model, { inputs, labels, width }), labels);
  const [honestModel, naiveModel] = [fitModel(honest.train), fitModel(naive.train)];
  const [honestServed, promised, served] = [auc(honestModel, honest.test), auc(naiveModel, naive.test), auc(naiveModel, honest.test)];
  const late = honest.test.labels.reduce((sum, label) => sum + label, 0) / honest.test.labels.length;
  step.say(
    `Two logistic regressions of 12 features, fitted on ${count(honest.train.labels.length)} flights before ${testFrom}, judged on ${count(honest.test.labels.length)} after (${(late * 100).toFixed(1)} % late):`,
  );
  step.say(`  point-in-time join    AUC ${honestServed.toFixed(4)} on vectors as they are served`);
  step.say(`  naive join (newest)   AUC ${promised.toFixed(4)} in its own test set, ${served.toFixed(4)} on vectors as they are served`);
  const [inflated, lost] = [promised - served, honestServed - served];
  step.say(
    `  The leak ${inflated >= 0 ? 'promised' : 'hid'} ${Math.abs(inflated).toFixed(4)} of AUC and ${lost >= 0 ? 'cost' : 'won'} ${Math.abs(lost).toFixed(4)}.`,
  );
  step.check('both models are better than a coin on their own test set', {
    found: { honest: honestServed > 0.5, naive: promised > 0.5 },
    expected: { honest: true, naive: true },
  });
}

interface ReadExamples extends Examples {
  readonly routes: readonly string[];
  readonly departsAt: Vector;
}

async function readExamples(demo: Demo, number: number): Promise<ReadExamples> {
  const response = await demo.client.request({ method: 'GET', path: `${DATASETS}/${number}/data` });
  const source = bytesSource(new Uint8Array(await response.arrayBuffer()));
  const { columns } = await demo.store.deps.codec.describe(source);
  const batch = await decodeAll(demo, source, columns);
  const inputs = new Float64Array(batch.rowCount * INPUTS.length);
  for (const [i, name] of INPUTS.entries()) {
    const vector = vectorNamed(batch, name);
    for (let row = 0; row < batch.rowCount; row += 1) inputs[row * INPUTS.length + i] = isNullAt(vector, row) ? Number.NaN : Number(valueAt(vector, row));
  }
  const [origin, destination, delayed] = [vectorNamed(batch, 'origin'), vectorNamed(batch, 'destination'), vectorNamed(batch, 'delayed')];
  return {
    width: INPUTS.length,
    inputs,
    labels: Uint8Array.from({ length: batch.rowCount }, (_, row) => (valueAt(delayed, row) === true ? 1 : 0)),
    routes: Array.from({ length: batch.rowCount }, (_, row) => `${String(origin.values[row])} ${String(destination.values[row])}`),
    departsAt: vectorNamed(batch, 'departs_at'),
  };
}

async function decodeAll(demo: Demo, source: ReturnType<typeof bytesSource>, columns: readonly Column[]): Promise<Batch> {
  const batches: Batch[] = [];
  for await (const { batch } of demo.store.deps.codec.decode(source, { columns })) batches.push(batch);
  return concatBatches(columns, batches);
}

/** The stored features of each flight's route as they are now; what is computed from the request is no leak. */
function naiveInputs({ routes, inputs }: ReadExamples, served: ReadonlyMap<string, ServedVector>): Float64Array {
  const naive = Float64Array.from(inputs);
  for (const [row, route] of routes.entries()) {
    const vector = served.get(route) ?? [];
    for (let i = 0; i < STORED_FEATURES.length; i += 1) naive[row * INPUTS.length + i] = typeof vector[i] === 'number' ? Number(vector[i]) : Number.NaN;
  }
  return naive;
}

function testRows(departsAt: Vector, from: string): readonly boolean[] {
  const micros = BigInt(Date.parse(from)) * 1000n;
  return Array.from({ length: departsAt.length }, (_, row) => BigInt(String(valueAt(departsAt, row))) >= micros);
}

function splitOf({ width, inputs, labels }: Examples, isTest: readonly boolean[]): Split {
  const part = (wanted: boolean): Examples => {
    const rows = [...isTest.keys()].filter((row) => isTest[row] === wanted);
    const picked = new Float64Array(rows.length * width);
    for (const [i, row] of rows.entries()) picked.set(inputs.subarray(row * width, (row + 1) * width), i * width);
    return { width, inputs: picked, labels: Uint8Array.from(rows, (row) => labels[row] ?? 0) };
  };
  return { train: part(false), test: part(true) };
}

function pinsOf(dataset: JsonObject): string {
  const { pins } = dataset;
  return Array.isArray(pins)
    ? pins
        .filter(isJsonObject)
        .map((pin) => `${textOf(pin['featureGroup'])} version ${textOf(pin['commitVersion'])}`)
        .join(', ')
    : '';
}

function textOf(json: unknown): string {
  return typeof json === 'string' ? json : JSON.stringify(json);
}
