/** The templates of a deployment, without bundling, and readers of them. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Stack } from 'aws-cdk-lib';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import type { FeatureStoreProps } from '../../infra/feature-store.ts';
import { addFeatureStore } from '../../infra/feature-store.ts';

export type Tree = null | boolean | number | string | readonly Tree[] | { readonly [key: string]: Tree };
export type Node = { readonly [key: string]: Tree };

export interface Resource {
  readonly stack: string;
  readonly id: string;
  readonly type: string;
  readonly properties: Node;
  readonly deletionPolicy: Tree;
}

export interface Statement {
  readonly effect: string;
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  readonly principal: Tree;
  readonly condition: Tree;
}

export interface Synthesized {
  readonly resources: readonly Resource[];
}

export function synthesize(props: FeatureStoreProps = {}): Synthesized {
  const cdk: unknown = JSON.parse(readFileSync(new URL('../../cdk.json', import.meta.url), 'utf8'));
  const outdir = mkdtempSync(path.join(tmpdir(), 'lakefold-synth-'));
  try {
    const app = new App({ outdir, context: { ...node(node(cdk)['context']), 'aws:cdk:bundling-stacks': [] } });
    return { resources: Object.values(addFeatureStore(app, 'Lakefold', props)).flatMap(resourcesOf) };
  } finally {
    rmSync(outdir, { recursive: true, force: true });
  }
}

function resourcesOf(stack: Stack): readonly Resource[] {
  const template = node(Template.fromStack(stack).toJSON());
  return Object.entries(node(template['Resources'])).map(([id, resource]) => {
    const { Type, Properties, DeletionPolicy } = node(resource);
    return { stack: stack.stackName, id, type: literal(Type), properties: node(Properties ?? {}), deletionPolicy: DeletionPolicy ?? null };
  });
}

export function ofType(synthesized: Synthesized, type: string): readonly Resource[] {
  return synthesized.resources.filter((resource) => resource.type === type);
}

/** Every statement of every policy document anywhere in the templates. */
export function statements(tree: Tree): readonly Statement[] {
  if (tree === null || typeof tree !== 'object') return [];
  if (isList(tree)) return tree.flatMap(statements);
  const own = tree['Statement'] === undefined ? [] : list(tree['Statement']).map(statementOf);
  return [...own, ...Object.values(tree).flatMap(statements)];
}

/** Statements of the role of the function whose logical id holds `owner`. */
export function rights(synthesized: Synthesized, owner: string): readonly Statement[] {
  const policies = ofType(synthesized, 'AWS::IAM::Policy').filter(({ id }) => id.includes(`${owner}Role`));
  if (policies.length !== 1) throw new Error(`expected one policy of ${owner}, found ${policies.length}`);
  return policies.flatMap(({ properties }) => statements(properties));
}

export function node(tree: unknown): Node {
  if (typeof tree !== 'object' || tree === null || Array.isArray(tree)) throw new Error(`expected an object, found ${JSON.stringify(tree)}`);
  return Object.fromEntries(Object.entries(tree));
}

function statementOf(tree: Tree): Statement {
  const { Effect, Action, Resource, Principal, Condition } = node(tree);
  return {
    effect: literal(Effect),
    actions: list(Action ?? []).map(literal),
    resources: list(Resource ?? []).map(text),
    principal: Principal ?? null,
    condition: Condition ?? null,
  };
}

function isList(tree: Tree): tree is readonly Tree[] {
  return Array.isArray(tree);
}

function list(tree: Tree): readonly Tree[] {
  return isList(tree) ? tree : [tree];
}

/** A value that must be a text. */
export function literal(tree: Tree | undefined): string {
  if (typeof tree !== 'string') throw new Error(`expected a string, found ${JSON.stringify(tree)}`);
  return tree;
}

/** A value with references by the names people know: `lake`, `online`, `control`, or the logical id. */
export function text(tree: Tree): string {
  if (typeof tree === 'string') return tree;
  const [reference] = Object.entries(node(tree));
  if (reference === undefined) throw new Error('expected a reference, found an empty object');
  const [key, value] = reference;
  if (key === 'Fn::Join')
    return list(list(value)[1] ?? [])
      .map(text)
      .join('');
  const name = literal(key === 'Fn::GetAtt' ? list(value)[0] : value);
  return name.includes('StorageLake')
    ? 'lake'
    : name.includes('StorageOnline')
      ? 'online'
      : name.includes('StorageControl')
        ? 'control'
        : name.replace(/[0-9A-F]{8}$/, '');
}
