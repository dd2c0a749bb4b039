/** G18: tables we wrote, read by Spark. */
import { describe } from 'vitest';
import { testCatalogue } from './catalogue-suite.ts';
import { connectSpark, sparkEndpoint } from './spark.ts';

describe.skipIf(sparkEndpoint === undefined)('the catalogue', () => {
  const spark = connectSpark(sparkEndpoint ?? '');
  testCatalogue({ Spark: (path, version) => spark.readRows(path, version) }, { stride: 3 });
});
