import { describe, expect, it } from 'vitest';
import type { Variables } from '../../functions/environment.ts';
import { parseEnvironment } from '../../functions/environment.ts';

const runtime = { AWS_REGION: 'eu-central-1', PATH: '/usr/bin' };

describe('parseEnvironment', () => {
  it('gives settings with their defaults and drops what is not its own', () => {
    const variables = { LAKEFOLD_ONLINE_TABLE: 'online', LAKEFOLD_CONTROL_TABLE: 'control' } satisfies Variables<'serve'>;
    expect(parseEnvironment('serve', { ...runtime, ...variables, LAKEFOLD_BUCKET: 'lake' })).toEqual({
      region: 'eu-central-1',
      logLevel: 'info',
      onlineTable: 'online',
      controlTable: 'control',
    });
  });

  it('counts an empty variable as absent', () => {
    const variables = {
      LAKEFOLD_BUCKET: 'lake',
      LAKEFOLD_PREFIX: '',
      LAKEFOLD_CONTROL_TABLE: 'control',
      LAKEFOLD_SCRATCH_BYTES_MAX: '',
    } satisfies Variables<'query'>;
    expect(parseEnvironment('query', { ...runtime, ...variables })).toEqual({
      region: 'eu-central-1',
      logLevel: 'info',
      bucket: 'lake',
      prefix: '',
      controlTable: 'control',
      scratchDirectory: '/tmp',
      scratchBytesMax: 8_589_934_592,
    });
  });

  it('reads numbers, and endpoints of one service before the one of all', () => {
    const endpoints = { AWS_ENDPOINT_URL: 'http://127.0.0.1:4566', AWS_ENDPOINT_URL_DYNAMODB: 'http://127.0.0.1:8000' };
    expect(
      parseEnvironment('query', {
        ...runtime,
        ...endpoints,
        LAKEFOLD_BUCKET: 'lake',
        LAKEFOLD_PREFIX: 'a/b',
        LAKEFOLD_CONTROL_TABLE: 'control',
        LAKEFOLD_SCRATCH_BYTES_MAX: '1024',
      }),
    ).toMatchObject({
      s3Endpoint: 'http://127.0.0.1:4566',
      prefix: 'a/b',
      scratchBytesMax: 1024,
    });
    expect(parseEnvironment('catalog', { ...runtime, ...endpoints, LAKEFOLD_BUCKET: 'lake', LAKEFOLD_CONTROL_TABLE: 'control' })).toMatchObject({
      s3Endpoint: 'http://127.0.0.1:4566',
      dynamodbEndpoint: 'http://127.0.0.1:8000',
    });
  });

  it('lists every fault at once', () => {
    const variables = { LAKEFOLD_BUCKET: 'Not A Bucket', LAKEFOLD_PREFIX: '/a/', LAKEFOLD_LOG_LEVEL: 'loud', AWS_ENDPOINT_URL_S3: 'localhost' };
    expect(() => parseEnvironment('ingest', variables)).toThrowError(
      expect.objectContaining({
        code: 'INVALID_ARGUMENT',
        errors: [
          { field: 'AWS_REGION', code: 'INVALID_ARGUMENT', message: 'AWS_REGION: expected an AWS region such as eu-central-1, found nothing' },
          { field: 'LAKEFOLD_LOG_LEVEL', code: 'INVALID_ARGUMENT', message: 'LAKEFOLD_LOG_LEVEL: expected debug, info, warn or error, found "loud"' },
          { field: 'AWS_ENDPOINT_URL_S3', code: 'INVALID_ARGUMENT', message: 'AWS_ENDPOINT_URL_S3: expected an http or https URL, found "localhost"' },
          { field: 'LAKEFOLD_BUCKET', code: 'INVALID_ARGUMENT', message: 'LAKEFOLD_BUCKET: expected an S3 bucket name, found "Not A Bucket"' },
          { field: 'LAKEFOLD_PREFIX', code: 'INVALID_ARGUMENT', message: 'LAKEFOLD_PREFIX: expected a key prefix without slashes at its ends, found "/a/"' },
          { field: 'LAKEFOLD_CONTROL_TABLE', code: 'INVALID_ARGUMENT', message: 'LAKEFOLD_CONTROL_TABLE: expected a DynamoDB table name, found nothing' },
          { field: 'LAKEFOLD_ONLINE_TABLE', code: 'INVALID_ARGUMENT', message: 'LAKEFOLD_ONLINE_TABLE: expected a DynamoDB table name, found nothing' },
        ],
      }),
    );
  });

  it.each(['0', '-1', '1.5', '1e3', '9999999999999'])('refuses %s as a number of bytes', (text) => {
    expect(() =>
      parseEnvironment('query', { ...runtime, LAKEFOLD_BUCKET: 'lake', LAKEFOLD_CONTROL_TABLE: 'control', LAKEFOLD_SCRATCH_BYTES_MAX: text }),
    ).toThrowError(expect.objectContaining({ errors: [expect.objectContaining({ field: 'LAKEFOLD_SCRATCH_BYTES_MAX' })] }));
  });

  it('types what infra sets: all that is required and nothing else', () => {
    // @ts-expect-error the control table is missing
    const incomplete: Variables<'serve'> = { LAKEFOLD_ONLINE_TABLE: 'online' };
    // @ts-expect-error `serve` may not know the bucket
    const excessive: Variables<'serve'> = { LAKEFOLD_ONLINE_TABLE: 'online', LAKEFOLD_CONTROL_TABLE: 'control', LAKEFOLD_BUCKET: 'lake' };
    expect(() => parseEnvironment('serve', { ...runtime, ...incomplete })).toThrowError(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    expect(parseEnvironment('serve', { ...runtime, ...excessive })).not.toHaveProperty('bucket');
  });
});
