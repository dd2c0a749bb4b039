/** Answers as a person reads them. */
import { isJsonObject, stringifyJson, type Json, type JsonObject } from '../lib/core/json.ts';
import type { Paint } from './output.ts';
import { cellText, fieldsText, tableText } from './table-text.ts';

/** `airport_delays/1` of a reference or a definition. */
export function refText(json: Json | undefined): string {
  return isJsonObject(json) ? `${text(json['name'])}/${text(json['version'])}` : '';
}

/** A list as a table of some of its members, or a sentence where it is empty. */
export function listText(
  items: readonly Json[],
  columns: Readonly<Record<string, (item: JsonObject) => Json>>,
  options: { readonly paint: Paint; readonly empty: string },
): string {
  if (items.length === 0) return `${options.empty}\n`;
  const rows = items.filter(isJsonObject).map((item) => Object.fromEntries(Object.entries(columns).map(([name, of]) => [name, of(item)])));
  return tableText(rows, options).text;
}

/** Receipt of a write: what was committed, what became of it online, what was refused. */
export function receiptText(body: JsonObject, paint: Paint): string {
  const { commit, online, received, notFound } = body;
  const lines: string[] = [];
  const name = refText(body['featureGroup']);
  if (isJsonObject(commit)) {
    const again = commit['alreadyApplied'] === true ? paint(' (was committed before)', 'yellow') : '';
    lines.push(
      `${paint('✓', 'green')} ${name === '' ? '' : `${paint(name, 'bold')} `}version ${text(commit['version'])}: ${text(commit['operation'])}${received === undefined ? '' : ` of ${plural(received, 'row')}`}${again}`,
    );
    lines.push(
      `  ${counts(commit, { rowsInserted: 'inserted', rowsUpdated: 'updated', rowsDeleted: 'deleted', dedupedInBatch: 'duplicates in the file', stale: 'older than what is there', rejected: 'rejected' })}`,
    );
  } else {
    lines.push(`${name === '' ? '' : `${paint(name, 'bold')}: `}nothing to commit`);
  }
  if (typeof notFound === 'number' && notFound > 0) lines.push(`  ${plural(notFound, 'key')} without rows`);
  if (isJsonObject(online))
    lines.push(
      `  online ${text(online['state'])}, up to version ${text(online['watermark'])}: ${counts(online, { applied: 'applied', superseded: 'superseded', stale: 'stale', expired: 'expired', failed: 'failed' })}`,
    );
  for (const warning of listOf(body['warnings'])) if (isJsonObject(warning)) lines.push(`  ${paint('warning:', 'yellow')} ${text(warning['message'])}`);
  return `${lines.join('\n')}\n`;
}

/** A plan as a diff: `+` new, `~` changed, `!` refused in place. */
export function planText(body: JsonObject, paint: Paint): string {
  const changes = listOf(body['changes']).filter(isJsonObject);
  const lines = changes.flatMap((change) => changeLines(change, paint));
  const news = changes.filter((change) => change['action'] !== 'none').length;
  if (changes.length === 0) lines.push('no definitions found');
  else if (news === 0) lines.push('nothing to change: the registry has these definitions');
  else lines.push(`${plural(news, 'change')}${body['breaking'] === true ? paint(', breaking: they will be refused', 'red') : ''}`);
  for (const warning of listOf(body['warnings'])) if (isJsonObject(warning)) lines.push(`${paint('warning:', 'yellow')} ${text(warning['message'])}`);
  return `${lines.join('\n')}\n`;
}

function changeLines(change: JsonObject, paint: Paint): readonly string[] {
  const what = `${change['type'] === 'featureGroup' ? 'feature group' : 'feature view'} ${refText(change)}`;
  switch (change['action']) {
    case 'none':
      return [paint(`  ${what}`, 'dim')];
    case 'create':
      return [paint(`+ ${what}`, 'green')];
    default: {
      const isRefused = change['verdict'] === 'new version' || change['verdict'] === 'immutable';
      const verdict = change['verdict'] === 'in place' ? '' : `: ${verdictText(change)}`;
      const head = isRefused ? paint(`! ${what}${verdict}`, 'red') : paint(`~ ${what}${verdict}`, 'yellow');
      return [
        head,
        ...listOf(change['details'])
          .filter(isJsonObject)
          .map((detail) => detailLine(detail, paint)),
      ];
    }
  }
}

/** `+ schema.n: int, nullable` · `- schema.n: int` · `ttl: P7D → P14D`; of a column what differs. */
function detailLine(detail: JsonObject, paint: Paint): string {
  const path = text(detail['path']);
  const [before, after] = [detail['before'] ?? null, detail['after'] ?? null];
  if (detail['change'] === 'add') return `    ${paint(`+ ${path}: ${columnText(after)}`, 'green')}`;
  if (detail['change'] === 'remove') return `    ${paint(`- ${path}: ${columnText(before)}`, 'red')}`;
  if (!path.startsWith('schema.')) return `    ${path}: ${cellText(before)} → ${cellText(after)}`;
  return `    ${path}: ${columnText(before)} → ${columnText(after)}`;
}

function columnText(json: Json): string {
  if (!isJsonObject(json)) return cellText(json);
  const { type, nullable, default: value, unit, description } = json;
  return [
    text(type),
    ...(nullable === true ? ['nullable'] : []),
    ...(value === undefined ? [] : [`default ${stringifyJson(value)}`]),
    ...(unit === undefined ? [] : [`unit ${text(unit)}`]),
    ...(description === undefined ? [] : [cellText(description)]),
  ].join(', ');
}

function verdictText({ verdict, newVersion, rewrite }: JsonObject): string {
  if (verdict === 'rewrite')
    return isJsonObject(rewrite)
      ? `${plural(rewrite['files'], 'file')}, ${bytesText(Number(rewrite['bytes']))}, written again with apply --rewrite; or version ${text(newVersion)} can be created instead`
      : 'needs its rows written again';
  return `${verdict === 'immutable' ? 'is immutable' : 'cannot change in place'}${newVersion === null ? '' : `; version ${text(newVersion)} can be created instead`}`;
}

const BYTE_UNITS = ['KiB', 'MiB', 'GiB', 'TiB'] as const;

/** `1.5 MiB`. */
function bytesText(bytes: number): string {
  const power = Math.min(BYTE_UNITS.length, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  return power === 0 ? `${bytes} bytes` : `${(bytes / 1024 ** power).toFixed(1)} ${BYTE_UNITS[power - 1] ?? ''}`;
}

/** A definition: its members, then its columns or features as a table. */
export function definitionText(body: JsonObject, paint: Paint): string {
  const { requestId: _requestId, schema, features, spine, joins, onDemand, table, ...rest } = body;
  const parts = [fieldsText({ ...rest, ...brief(rest), ...(isJsonObject(table) ? { table: table['location'] ?? null } : {}) }, paint)];
  const columns = { column: (item: JsonObject): Json => item['name'] ?? null, type: (item: JsonObject): Json => item['type'] ?? null };
  if (Array.isArray(schema))
    parts.push(
      tableText(
        rowsOf(schema, { ...columns, nullable: (item) => (item['nullable'] === true ? 'yes' : ''), description: (item) => item['description'] ?? '' }),
        { paint },
      ).text,
    );
  if (Array.isArray(joins))
    parts.push(
      tableText(
        rowsOf(joins, {
          join: (item) => item['name'] ?? null,
          group: (item) => `${text(item['featureGroup'])}/${text(item['version'])}`,
          on: (item) => item['on'] ?? null,
          features: (item) => listOf(item['features']).map(text).join(', '),
        }),
        { paint },
      ).text,
    );
  if (Array.isArray(onDemand))
    parts.push(
      tableText(
        rowsOf(onDemand, {
          function: (item) => item['name'] ?? null,
          inputs: (item) =>
            listOf(item['inputs'])
              .filter(isJsonObject)
              .map((input) => `${text(input['name'])} ${text(input['type'])}`)
              .join(', '),
          returns: (item) => (isJsonObject(item['returns']) ? (item['returns']['type'] ?? null) : null),
          hash: (item) => text(item['sourceHash']).slice(0, 19),
        }),
        { paint },
      ).text,
    );
  if (Array.isArray(spine))
    parts.push(tableText(rowsOf(spine, { spine: (item) => item['name'] ?? null, type: (item) => item['type'] ?? null }), { paint }).text);
  if (Array.isArray(features))
    parts.push(
      tableText(rowsOf(features, { feature: (item) => item['name'] ?? null, type: (item) => item['type'] ?? null, join: (item) => item['join'] ?? '' }), {
        paint,
      }).text,
    );
  return parts.filter((part) => part !== '').join('\n');
}

/** Members of an answer, one a line. */
export function answerText(body: JsonObject, paint: Paint): string {
  const { requestId: _requestId, ...rest } = body;
  return fieldsText(rest, paint);
}

/** Lists of columns as their names and types. */
function brief(members: JsonObject): JsonObject {
  return Object.fromEntries(
    ['entryKeys', 'requestParameters'].flatMap((name) => {
      const items = listOf(members[name]).filter(isJsonObject);
      return items.length === 0 ? [] : [[name, items.map((item) => `${text(item['name'])} ${text(item['type'])}`)]];
    }),
  );
}

function rowsOf(items: readonly Json[], columns: Readonly<Record<string, (item: JsonObject) => Json>>): readonly Json[] {
  return items.filter(isJsonObject).map((item) => Object.fromEntries(Object.entries(columns).map(([name, of]) => [name, of(item)])));
}

function counts(of: JsonObject, words: Readonly<Record<string, string>>): string {
  const parts = Object.entries(words).flatMap(([name, word]) => (typeof of[name] === 'number' && of[name] > 0 ? [`${text(of[name])} ${word}`] : []));
  return parts.length === 0 ? 'no rows' : parts.join(', ');
}

export function plural(count: Json | undefined, word: string): string {
  return `${text(count)} ${word}${count === 1 ? '' : 's'}`;
}

export function listOf(json: Json | undefined): readonly Json[] {
  return Array.isArray(json) ? json : [];
}

/** A scalar without quotes, anything else as JSON. */
export function text(json: Json | undefined): string {
  if (json === undefined) return '';
  return typeof json === 'string' ? json : stringifyJson(json);
}

/** Of rows that are queued: what asks for them again. */
export function queuedText(body: JsonObject, paint: Paint): string {
  const job = isJsonObject(body['job']) ? body['job'] : {};
  return `${paint('✓', 'green')} queued as job ${text(job['id'])}`;
}

/** Job of an erasure: its certificate, where it is finished. */
export function erasureText(body: JsonObject, paint: Paint): string {
  const job = isJsonObject(body['job']) ? body['job'] : {};
  const certificate = job['result'];
  if (!isJsonObject(certificate)) return fieldsText(job, paint);
  const datasets = Array.isArray(certificate['trainingDatasets']) ? certificate['trainingDatasets'].filter(isJsonObject) : [];
  const lines = [
    `${paint('✓', 'green')} erased ${plural(certificate['rowsErased'], 'row')} of ${plural(certificate['keys'], 'key')}; history begins at version ${text(certificate['historyEndsAt'])}`,
    ...datasets.map(
      (dataset) => `  training dataset ${text(dataset['trainingDataset'])} of ${refText(dataset['featureView'])}: ${plural(dataset['rowsErased'], 'row')}`,
    ),
    `  certificate ${text(certificate['certificateId'])}, completed ${text(certificate['completedAt'])}${certificate['backupsExpireAt'] === null ? '' : `, backups expire ${text(certificate['backupsExpireAt'])}`}`,
  ];
  return `${lines.join('\n')}\n`;
}
