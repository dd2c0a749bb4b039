/**
 * The CDK app of this repository; `cdk synth` needs neither network nor account.
 *
 * Context: `lakefold:name` (stack names begin with it), `lakefold:prefix`, `lakefold:definitions` (a module),
 * `lakefold:access` (`aws-iam` or `public`).
 */
import { App } from 'aws-cdk-lib';
import type { FeatureStoreProps } from './feature-store.ts';
import { addFeatureStore } from './feature-store.ts';

const app = new App();
addFeatureStore(app, text('lakefold:name') ?? 'Lakefold', {
  ...definitionsProps(text('lakefold:definitions')),
  prefix: text('lakefold:prefix') ?? '',
  access: access(text('lakefold:access') ?? 'aws-iam'),
});
app.synth();

function text(key: string): string | undefined {
  const value: unknown = app.node.tryGetContext(key);
  if (value !== undefined && typeof value !== 'string') throw new Error(`expected a string as context ${key}, found a ${typeof value}`);
  return value;
}

function access(value: string): NonNullable<FeatureStoreProps['access']> {
  if (value !== 'aws-iam' && value !== 'public') throw new Error(`expected aws-iam or public as context lakefold:access, found ${value}`);
  return value;
}

function definitionsProps(definitions: string | undefined): Pick<FeatureStoreProps, 'definitions'> {
  return definitions === undefined ? {} : { definitions };
}
