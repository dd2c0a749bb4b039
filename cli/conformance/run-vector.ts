/** Runs one vector on one driver and says where, if anywhere, the answers differ from what is expected. */
import { isLakefoldError } from '../../lib/core/errors.ts';
import { isJsonObject, type Json, type JsonObject, stringifyJson } from '../../lib/core/json.ts';
import { formatInstant } from '../../lib/core/time.ts';
import { text } from '../render.ts';
import type { Driver, EditSettings, TrainedRows } from './driver.ts';
import { byText, type VectorMap } from './map-vector.ts';
import type { Step } from './vectors.ts';

/** The first difference, or undefined when there is none. */
export async function runVector(driver: Driver, map: VectorMap): Promise<string | undefined> {
  const { refused } = map.vector;
  const defined = await answerOf(async () => {
    await driver.define({ groups: map.groupDefinitions(), view: map.viewDefinition() });
    return {};
  });
  const difference = differenceOf(refused === undefined ? {} : { error: refused }, defined);
  if (difference !== undefined) return `definitions: ${difference}`;
  for (const [i, step] of map.vector.steps.entries()) {
    const found = differenceOf(expected(step), await answerOf(() => perform(driver, map, step)));
    if (found !== undefined) return `step ${i} (${step.kind === 'write' ? step.operation : step.kind}): ${found}`;
  }
  return undefined;
}

async function perform(driver: Driver, map: VectorMap, step: Step): Promise<JsonObject> {
  switch (step.kind) {
    case 'write':
      return driver.write(map.rows(step.group, step.rows), { ...settingsOf(map, step), operation: step.operation });
    case 'delete':
      return driver.remove(map.keys(step.group, step.keys), settingsOf(map, step));
    case 'restore':
      return driver.restore(step.toVersion, settingsOf(map, step));
    case 'publish':
      return driver.publish(map.groupName(step.group), step.to);
    case 'resend':
      await driver.resend(map.groupName(step.group), step.version);
      return {};
    case 'read':
      return { rows: map.shortRows(step.group, await driver.read(map.groupName(step.group), step.asOf)) };
    case 'lookup':
      return lookedUp(map, await driver.lookUp(map.viewName, step.entries));
    case 'train': {
      const pins = Object.fromEntries(Object.entries(step.pins).map(([group, version]) => [`${map.groupName(group)}/1`, version]));
      const { onInvalidRow, knownAsOf } = step;
      const body = {
        spine: { rows: map.spine(step.spine) },
        pins,
        diagnostics: true,
        format: 'ndjson',
        ...(onInvalidRow === undefined ? {} : { onInvalidRow }),
        ...(knownAsOf === undefined ? {} : { knownAsOf: typeof knownAsOf === 'number' ? formatInstant(map.micros(knownAsOf)) : knownAsOf }),
      };
      return trained(await driver.train({ view: map.viewName, body }));
    }
  }
}

function settingsOf(map: VectorMap, step: Extract<Step, { kind: 'write' | 'delete' | 'restore' }>): EditSettings {
  const { wait, idempotencyKey, receivedAt } = step;
  return { group: map.groupName(step.group), wait, idempotencyKey, receivedMicros: receivedAt === undefined ? undefined : map.micros(receivedAt) };
}

/** In the terms of vectors: `values`, `statuses`, `rowStatus`, `eventTimes` as integers. */
function lookedUp(map: VectorMap, body: JsonObject): JsonObject {
  const metadata = isJsonObject(body['metadata']) ? body['metadata'] : {};
  const times = listOf(metadata['eventTimes']).map((row) => listOf(row).map((time) => map.short(time, 'timestamp')));
  return { values: body['features'] ?? null, statuses: metadata['statuses'] ?? null, rowStatus: body['status'] ?? null, eventTimes: times };
}

/** `values` by row and feature, `joinStatuses` by row and join. */
function trained({ manifest, rows }: TrainedRows): JsonObject {
  const columns = listOf(manifest['schema']).filter(isJsonObject);
  const named = (role: string): readonly string[] => columns.filter((column) => column['role'] === role).map((column) => text(column['name']));
  const valuesOf = (names: readonly string[]): readonly Json[] => rows.map((row) => names.map((name) => row[name] ?? null));
  return { values: valuesOf(named('feature')), joinStatuses: valuesOf(named('diagnostic').filter((name) => name.startsWith('_status_'))) };
}

/** A refusal as `error` with the codes of its faults, sorted, each once. */
async function answerOf(act: () => Promise<JsonObject>): Promise<JsonObject> {
  try {
    return await act();
  } catch (error) {
    if (!isLakefoldError(error)) throw error;
    return { error: error.code, faults: [...new Set((error.errors ?? []).map(({ code }) => code))].toSorted(), message: error.message };
  }
}

/** A step that says nothing of a refusal expects none. */
function expected(step: Step): JsonObject {
  return step.kind === 'read' && step.expect !== undefined ? { ...step.expect, rows: listOf(step.expect['rows']).toSorted(byText) } : (step.expect ?? {});
}

function differenceOf(wanted: JsonObject, answer: JsonObject): string | undefined {
  if (answer['error'] !== undefined && wanted['error'] === undefined) return `expected success, found ${text(answer['error'])}: ${text(answer['message'])}`;
  return memberDifference(wanted, answer, '');
}

/** Members named must be equal, in whatever depth of objects; lists and all else must be equal whole. */
function memberDifference(wanted: JsonObject, found: JsonObject, place: string): string | undefined {
  for (const [name, value] of Object.entries(wanted)) {
    const other = found[name];
    const difference =
      isJsonObject(value) && isJsonObject(other)
        ? memberDifference(value, other, `${place}${name}.`)
        : stringifyJson(value) === stringifyJson(other)
          ? undefined
          : `expected ${place}${name} ${stringifyJson(value)}, found ${show(other)}${messageOf(found)}`;
    if (difference !== undefined) return difference;
  }
  return undefined;
}

function messageOf(found: JsonObject): string {
  return typeof found['message'] === 'string' ? ` (${found['message']})` : '';
}

function show(json: Json | undefined): string {
  return json === undefined ? 'nothing' : stringifyJson(json).slice(0, 400);
}

function listOf(json: Json | undefined): readonly Json[] {
  return Array.isArray(json) ? json : [];
}
