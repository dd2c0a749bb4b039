/** The body of `POST …/drift`, checked member by member. */
import { LakefoldError } from '../../lib/core/errors.ts';
import { isJsonObject, type Json, type JsonObject } from '../../lib/core/json.ts';
import { DRIFT_METRICS, type DriftMetric } from '../../lib/features/statistics/drift-metrics.ts';
import type { DriftThresholds } from '../../lib/features/statistics/drift.ts';
import type { GroupDriftRequest, SampleRequest } from '../../lib/features/statistics/group-drift.ts';
import type { GroupRef } from '../../lib/features/ingest/receipt.ts';
import { instantMember, integerMember, namesMember, onlyMembers, textMember } from '../http/members.ts';

/** @throws LakefoldError UNKNOWN_FIELD, INVALID_ARGUMENT */
export function parseDriftRequest(body: JsonObject, signal: AbortSignal): GroupDriftRequest {
  onlyMembers(body, ['target', 'reference', 'features', 'metrics', 'thresholds']);
  const metrics = namesMember(body, 'metrics')?.map(metricOf);
  return {
    target: sampleMember(body, 'target', signal),
    reference: sampleMember(body, 'reference', signal),
    features: namesMember(body, 'features'),
    metrics,
    thresholds: thresholdsMember(body, metrics),
  };
}

function sampleMember(body: JsonObject, name: string, signal: AbortSignal): SampleRequest {
  const sample = body[name];
  if (!isJsonObject(sample)) throw wrong(name, 'a sample', sample);
  if (sample['featureView'] !== undefined) {
    onlyMembers(sample, ['featureView', 'trainingDataset', 'split']);
    const trainingDataset = integerMember(sample, 'trainingDataset');
    if (trainingDataset === undefined) throw wrong(`${name}.trainingDataset`, 'a number', undefined);
    return { featureView: refOf(sample['featureView'], `${name}.featureView`), trainingDataset, split: textMember(sample, 'split') };
  }
  switch (sample['basis']) {
    case 'commits':
      onlyMembers(sample, ['basis', 'from', 'to']);
      return { basis: 'commits', from: integerMember(sample, 'from'), to: integerMember(sample, 'to') };
    case 'snapshot':
      onlyMembers(sample, ['basis', 'version', 'startTime', 'endTime']);
      return {
        basis: 'snapshot',
        version: integerMember(sample, 'version'),
        startTime: instantMember(sample, 'startTime'),
        endTime: instantMember(sample, 'endTime'),
        signal,
      };
    default:
      throw wrong(`${name}.basis`, '"commits" or "snapshot", or a featureView', sample['basis']);
  }
}

function refOf(json: Json | undefined, field: string): GroupRef {
  if (!isJsonObject(json)) throw wrong(field, '{ name, version }', json);
  onlyMembers(json, ['name', 'version']);
  const [name, version] = [textMember(json, 'name'), integerMember(json, 'version')];
  if (name === undefined || version === undefined) throw wrong(field, '{ name, version }', json);
  return { name, version };
}

function metricOf(name: string): DriftMetric {
  const metric = DRIFT_METRICS.find((candidate) => candidate === name);
  if (metric === undefined) throw wrong('metrics', DRIFT_METRICS.join(', '), name);
  return metric;
}

function thresholdsMember(body: JsonObject, metrics: readonly DriftMetric[] | undefined): DriftThresholds | undefined {
  const thresholds = body['thresholds'] ?? null;
  if (thresholds === null) return undefined;
  if (!isJsonObject(thresholds)) throw wrong('thresholds', 'numbers by metric', thresholds);
  return Object.fromEntries(
    Object.entries(thresholds).map(([name, value]) => {
      const metric = metricOf(name);
      if (typeof value !== 'number' || value <= 0) throw wrong(`thresholds.${name}`, 'a number above 0', value);
      if (metrics !== undefined && !metrics.includes(metric)) throw wrong('thresholds', `thresholds of ${metrics.join(', ')}, the metrics asked for`, name);
      return [metric, value];
    }),
  );
}

function wrong(field: string, expected: string, found: Json | undefined): LakefoldError {
  const shown = found === undefined ? 'nothing' : JSON.stringify(found, (_, value) => (typeof value === 'bigint' ? String(value) : value)).slice(0, 80);
  return new LakefoldError('INVALID_ARGUMENT', `expected ${expected} in ${field}, found ${shown}`, { context: { field } });
}
