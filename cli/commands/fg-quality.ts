/** `fg validate`, `fg reports`, `fg quarantine`, `fg stats`, `fg drift`: what rows were found to be. */
import { isJsonObject, type Json, type JsonObject } from '../../lib/core/json.ts';
import { usageError } from '../arguments.ts';
import { bytesOf, itemsOf } from '../client.ts';
import type { Command } from '../command.ts';
import { given, jsonOption, rowsOption } from '../option-values.ts';
import type { Paint } from '../output.ts';
import { PAGE_OPTIONS, pageOf } from '../page-options.ts';
import { answerText, listOf, listText, text } from '../render.ts';
import { versionedName } from '../versioned-name.ts';

/** As a refused ingestion ends. */
const EXIT_VALIDATION_FAILED = 3;

const validate: Command = {
  name: 'fg validate',
  usage: 'NAME[/V] --file F|-',
  positionals: [1, 1],
  summary: 'Checks the rows of a file as ingestion would and prints the report; writes nothing. Ends with 3 where they fail.',
  options: {
    file: { kind: 'text', value: 'F|-', help: 'the rows; - is stdin' },
    format: { kind: 'text', value: 'json|ndjson|csv|parquet', help: 'default: by the ending of the file' },
    operation: { kind: 'text', value: 'upsert|append|overwrite', help: 'default upsert: one row per key and event time' },
    timezone: { kind: 'text', value: 'ZONE', help: 'of timestamps without offset, such as Europe/Stockholm; without it they are faults' },
    'ignore-unknown': { kind: 'flag', help: 'leave out columns that the group lacks' },
  },
  example: 'lakefold fg validate airport_delays --file delays.csv',
  run: async (context) => {
    const { args, session, output } = context;
    const rows = await rowsOption(context);
    const client = await session.client();
    const { path } = await versionedName(context, client, 'feature-groups');
    const query = {
      operation: args.word('operation', ['upsert', 'append', 'overwrite']),
      timezone: args.text('timezone'),
      ignoreUnknown: args.flag('ignore-unknown'),
    };
    const answer = await client.json({ method: 'POST', path: `${path}:validate`, query, body: { type: rows.mediaType, bytes: rows.bytes } });
    await output.document(answer.text, (paint) => reportText(answer.body, paint));
    return answer.body['success'] === true ? 0 : EXIT_VALIDATION_FAILED;
  },
};

const reports: Command = {
  name: 'fg reports',
  usage: 'NAME[/V] [REPORT]',
  positionals: [1, 2],
  summary: 'Lists the validation reports of a feature group, newest first, or prints one.',
  options: PAGE_OPTIONS,
  example: 'lakefold fg reports airport_delays --limit 10',
  run: async (context) => {
    const { args, session, output } = context;
    const client = await session.client();
    const { path } = await versionedName(context, client, 'feature-groups');
    const id = args.positionals[1];
    if (id !== undefined) {
      const answer = await client.json({ method: 'GET', path: `${path}/validation-reports/${encodeURIComponent(id)}` });
      await output.document(answer.text, (paint) => reportText(answer.body, paint));
      return;
    }
    const answer = await client.list({ path: `${path}/validation-reports` }, pageOf(args));
    await output.document(answer.text, (paint) =>
      listText(
        itemsOf(answer.body),
        {
          report: (item) => item['reportId'] ?? null,
          created: (item) => item['createdAt'] ?? null,
          result: (item) => item['ingestionResult'] ?? null,
          success: (item) => (item['success'] === true ? 'yes' : 'no'),
          commit: (item) => item['commitVersion'] ?? null,
          rows: (item) => item['rows'] ?? null,
          'row faults': (item) => item['rowFaults'] ?? null,
          unmet: (item) => (isJsonObject(item['statistics']) ? (item['statistics']['unsuccessful'] ?? null) : null),
        },
        { paint, empty: 'no validation reports' },
      ),
    );
  },
};

const quarantine: Command = {
  name: 'fg quarantine',
  usage: 'NAME[/V]',
  positionals: [1, 1],
  summary: 'Prints rows that were set aside, as they were received and why.',
  options: {
    'report-id': { kind: 'text', value: 'REPORT', help: 'of the request with this validation report' },
    since: { kind: 'text', value: 'TIME', help: 'received from this RFC 3339 instant on' },
    limit: { kind: 'text', value: 'N', help: 'at most so many rows (default 100)' },
  },
  example: 'lakefold fg quarantine airport_delays --since 2001-03-01T00:00:00Z',
  run: async (context) => {
    const { args, session, output } = context;
    const client = await session.client();
    const { path } = await versionedName(context, client, 'feature-groups');
    const json = given<string | number>({ reportId: args.text('report-id'), since: args.text('since'), limit: args.integer('limit', { min: 1 }) });
    const response = await client.request({ method: 'POST', path: `${path}/quarantine:read`, json, accept: 'application/x-ndjson' });
    await output.rows(bytesOf(response));
  },
};

const stats: Command = {
  name: 'fg stats',
  usage: 'NAME[/V]',
  positionals: [1, 1],
  summary: 'Prints statistics of the rows of a version, or of those that a range of commits wrote.',
  options: {
    basis: { kind: 'text', value: 'snapshot|commits', help: 'default commits with --from or --to, else snapshot' },
    version: { kind: 'text', value: 'V', help: 'the version (default: the newest)' },
    'start-time': { kind: 'text', value: 'TIME', help: 'event times from this RFC 3339 instant on' },
    'end-time': { kind: 'text', value: 'TIME', help: 'event times before this instant' },
    from: { kind: 'text', value: 'V', help: 'commits after this version' },
    to: { kind: 'text', value: 'V', help: 'commits up to this version' },
    features: { kind: 'text', value: 'A,B', help: 'these columns, in this order' },
  },
  example: 'lakefold fg stats airport_delays --features mean_delay_24h',
  run: async (context) => {
    const { args, session, output } = context;
    const client = await session.client();
    const { path } = await versionedName(context, client, 'feature-groups');
    const query = {
      basis: args.word('basis', ['snapshot', 'commits']),
      version: args.integer('version'),
      startTime: args.text('start-time'),
      endTime: args.text('end-time'),
      from: args.integer('from'),
      to: args.integer('to'),
      features: args.names('features')?.join(','),
    };
    const answer = await client.json({ method: 'GET', path: `${path}/statistics`, query });
    await output.document(answer.text, (paint) => statisticsText(answer.body, paint));
  },
};

const drift: Command = {
  name: 'fg drift',
  usage: 'NAME[/V] --target SAMPLE --reference SAMPLE',
  positionals: [1, 1],
  summary: 'Compares the distributions of features between two samples: commits, a window of a version, or a training set.',
  options: {
    target: { kind: 'text', value: 'JSON|@FILE', help: '{"basis":"commits","from":30,"to":42} or {"basis":"snapshot","version":42,"startTime":…,"endTime":…}' },
    reference: {
      kind: 'text',
      value: 'JSON|@FILE',
      help: 'what it is held against; also {"featureView":{"name":…,"version":…},"trainingDataset":3,"split":"train"}',
    },
    features: { kind: 'text', value: 'A,B', help: 'these features (default: all that both samples have)' },
    metrics: { kind: 'text', value: 'PSI,KS,…', help: 'of PSI, KL, JS, HELLINGER, WASSERSTEIN and KS (default PSI,KS)' },
    thresholds: { kind: 'text', value: 'JSON|@FILE', help: 'from where on a metric means drift (default {"PSI":0.2}); half of it warns' },
  },
  example: 'lakefold fg drift airport_delays --target \'{"basis":"commits","from":30}\' --reference \'{"basis":"snapshot","version":30}\'',
  run: async (context) => {
    const { args, session, output } = context;
    const json = given<Json>({
      target: await jsonOption(context, 'target'),
      reference: await jsonOption(context, 'reference'),
      features: args.names('features'),
      metrics: args.names('metrics'),
      thresholds: await jsonOption(context, 'thresholds'),
    });
    if (json['target'] === undefined || json['reference'] === undefined) throw usageError('expected --target and --reference');
    const client = await session.client();
    const { path } = await versionedName(context, client, 'feature-groups');
    const answer = await client.json({ method: 'POST', path: `${path}/drift`, json });
    await output.document(answer.text, (paint) => driftText(answer.body, paint));
  },
};

export const fgQualityCommands: readonly Command[] = [validate, reports, quarantine, stats, drift];

function driftText(body: JsonObject, paint: Paint): string {
  return listText(
    listOf(body['features']),
    {
      feature: (item) => item['name'] ?? null,
      status: (item) => item['status'] ?? null,
      'target rows': (item) => item['targetRows'] ?? null,
      'reference rows': (item) => item['referenceRows'] ?? null,
      metrics: (item) => item['metrics'] ?? null,
    },
    { paint, empty: 'no features that both samples have' },
  );
}

function statisticsText(body: JsonObject, paint: Paint): string {
  const estimate = (item: JsonObject): Json => (isJsonObject(item['distinct']) ? (item['distinct']['estimate'] ?? null) : null);
  const quantile =
    (fraction: string) =>
    (item: JsonObject): Json =>
      isJsonObject(item['quantiles']) ? (item['quantiles'][fraction] ?? null) : null;
  return listText(
    listOf(body['features']),
    {
      feature: (item) => item['name'] ?? null,
      type: (item) => item['type'] ?? null,
      count: (item) => item['count'] ?? null,
      nulls: (item) => item['nulls'] ?? null,
      distinct: estimate,
      min: (item) => item['min'] ?? null,
      '25 %': quantile('0.25'),
      median: quantile('0.5'),
      '75 %': quantile('0.75'),
      max: (item) => item['max'] ?? null,
      mean: (item) => item['mean'] ?? null,
      stddev: (item) => item['stddev'] ?? null,
    },
    { paint, empty: 'no features' },
  );
}

function reportText(body: JsonObject, paint: Paint): string {
  const { results, statistics: _statistics, featureGroup: _group, ...facts } = body;
  const table = listText(
    listOf(results),
    {
      expectation: (item) => item['expectationType'] ?? null,
      on: (item) => columnsOf(item['kwargs']),
      met: (item) => (item['success'] === true ? 'yes' : 'no'),
      observed: (item) => item['observedValue'] ?? null,
      unexpected: (item) => item['unexpectedCount'] ?? null,
      rows: (item) => listOf(item['partialUnexpectedRows']).map(text).join(', '),
    },
    { paint, empty: 'no expectations' },
  );
  return `${answerText(facts, paint)}\n${table}`;
}

function columnsOf(kwargs: Json | undefined): string {
  if (!isJsonObject(kwargs)) return '';
  return Array.isArray(kwargs['column_list']) ? kwargs['column_list'].map(text).join(', ') : text(kwargs['column'] ?? '');
}
