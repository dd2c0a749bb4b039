/** Tests that many proofs name. */
import { type Through, VECTORS } from '../../../cli/conformance/vectors.ts';
import type { Proof } from '../proof.ts';

const WAYS: Readonly<Record<Through, string>> = {
  library: 'through the library, on an injected clock and stores',
  http: 'through HTTP',
  cli: 'through the command line',
};

/** Rules whose vectors run on S3 and DynamoDB, too: the fold, deletes, time to live, serving, and joins that read more than the newest version. */
export const TOUCHES_STORES = /^(?:[UDTS]\d+|P4|P6|P14)$/;

/** The acceptance vector of this name through the library. @throws Error when there is none */
export function vector(name: string): Proof['test'] {
  const found = VECTORS.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`expected a vector named ${JSON.stringify(name)}`);
  const onEmulators = found.rules.some((rule) => TOUCHES_STORES.test(rule)) ? { onEmulators: 'test/emulators/vectors.test.ts' } : {};
  return { file: 'test/conformance/vectors.test.ts', name: `${WAYS.library} > ${name} (${found.rules.join(', ')})`, ...onEmulators };
}

/** A case of the online store's contract, on the memory store; the same case runs on LMDB and in the emulators on DynamoDB. */
export function onlineCase(name: string): Proof['test'] {
  return { file: 'test/contract/online-store.test.ts', name: `online store contract: memory > ${name}`, onEmulators: 'test/emulators/dynamodb.test.ts' };
}

/** A rule asked of the routes over files and LMDB; the emulators ask it over S3 and DynamoDB. */
export function storageRule(name: string): Proof['test'] {
  return {
    file: 'test/contract/storage-rules.test.ts',
    name: `storage rules contract: files and LMDB > ${name}`,
    onEmulators: 'test/emulators/storage-rules.test.ts',
  };
}

/** What the DynamoDB adapter sends, attribute by attribute. */
export function dynamoDbItem(name: string): Proof['test'] {
  return { file: 'test/golden-layouts/online-items.test.ts', name: `DynamoDB, table online > ${name}`, onEmulators: 'test/emulators/dynamodb.test.ts' };
}

export function publishing(name: string): Proof['test'] {
  return { file: 'test/online/publish.test.ts', name };
}

export function lookingUp(name: string): Proof['test'] {
  return { file: 'test/online/vectors.test.ts', name };
}
