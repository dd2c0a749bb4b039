/** Column mapping (PROTOCOL.md, "Column Mapping"): names in files that stay when names in the schema change. */
import { isJsonObject, type Json, type JsonObject, parseJson, stringifyJson } from '../../core/json.ts';

const MODE = 'delta.columnMapping.mode';
const MAX_ID = 'delta.columnMapping.maxColumnId';
const ID = 'delta.columnMapping.id';
const PHYSICAL_NAME = 'delta.columnMapping.physicalName';

type Properties = Readonly<Record<string, string>>;

/**
 * The schema with an id and a physical name for every field that lacks them, and the properties with the greatest id;
 * both as they are where mapping is off. `nameOf` gives the physical name of a field by its name and id; ids are never used twice.
 */
export function mappedSchema(
  schemaString: string,
  properties: Properties,
  nameOf: (name: string, id: number) => string,
): { readonly schemaString: string; readonly properties: Properties } {
  if ((properties[MODE] ?? 'none') === 'none') return { schemaString, properties };
  const schema = parseJson(schemaString);
  let last = Math.max(Number(properties[MAX_ID] ?? '0'), greatestId(schema));
  const withIds = (json: Json): Json => {
    if (Array.isArray(json)) return json.map(withIds);
    if (!isJsonObject(json)) return json;
    const inner: JsonObject = Object.fromEntries(Object.entries(json).map(([key, value]) => [key, key === 'metadata' ? value : withIds(value)]));
    const { name, metadata } = inner;
    if (typeof name !== 'string' || !isJsonObject(metadata) || metadata[ID] !== undefined) return inner;
    last += 1;
    return { ...inner, metadata: { ...metadata, [ID]: last, [PHYSICAL_NAME]: nameOf(name, last) } };
  };
  const mapped = stringifyJson(withIds(schema));
  return { schemaString: mapped, properties: { ...properties, [MAX_ID]: String(last) } };
}

function greatestId(json: Json): number {
  if (Array.isArray(json)) return json.reduce<number>((greatest, item: Json) => Math.max(greatest, greatestId(item)), 0);
  if (!isJsonObject(json)) return 0;
  const own = isJsonObject(json['metadata']) ? Number(json['metadata'][ID] ?? 0) : 0;
  return Object.values(json).reduce<number>((greatest, value) => Math.max(greatest, greatestId(value)), own);
}
