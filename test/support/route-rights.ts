/** Every route with the right it needs; paths name what the example of the API has. */
import type { RequiredRight } from '../../functions/http/access-rules.ts';

const G = '/v1/projects/demo/feature-groups';
const GROUP = `${G}/airport_delays/versions/1`;
const V = '/v1/projects/demo/feature-views';
const VIEW = `${V}/delay_model/versions/1`;
const ON_GROUP = 'on feature-groups/airport_delays';
const ON_VIEW = 'on feature-views/delay_model';

export const ROUTE_RIGHTS: readonly (readonly [route: string, right: string])[] = [
  ['GET /v1/projects', 'projects: list'],
  ['POST /v1/projects', 'projects: create'],
  ['GET /v1/projects/demo', 'describe on project'],
  [`GET ${G}`, 'some describe'],
  [`POST ${G}`, 'some create'],
  [`GET ${GROUP}`, `describe ${ON_GROUP}`],
  [`PATCH ${GROUP}`, `update ${ON_GROUP}`],
  [`DELETE ${GROUP}`, `delete ${ON_GROUP}`],
  [`POST ${GROUP}/rows`, `writeOffline ${ON_GROUP}`],
  [`POST ${GROUP}/rows:delete`, `writeOffline ${ON_GROUP}`],
  [`POST ${GROUP}/rows:erase`, `erase ${ON_GROUP}`],
  [`POST ${GROUP}/read`, `readOffline ${ON_GROUP}`],
  [`POST ${GROUP}/changes`, `readOffline ${ON_GROUP}`],
  [`GET ${GROUP}/commits`, `describe ${ON_GROUP}`],
  [`GET ${GROUP}/commits/0`, `describe ${ON_GROUP}`],
  [`GET ${GROUP}/online`, `describe ${ON_GROUP}`],
  [`GET ${GROUP}/statistics`, `readOffline ${ON_GROUP}`],
  [`GET ${GROUP}/validation-reports`, `readOffline ${ON_GROUP}`],
  [`GET ${GROUP}/validation-reports/vr_1`, `readOffline ${ON_GROUP}`],
  [`POST ${GROUP}/drift`, `readOffline ${ON_GROUP}`],
  [`POST ${GROUP}/quarantine:read`, `readOffline ${ON_GROUP}`],
  [`POST ${GROUP}:restore`, `writeOffline ${ON_GROUP}`],
  [`POST ${GROUP}:validate`, `writeOffline ${ON_GROUP}`],
  [`POST ${GROUP}:publish`, `publish ${ON_GROUP}`],
  [`POST ${GROUP}:optimize`, `maintain ${ON_GROUP}`],
  [`POST ${GROUP}:vacuum`, `maintain ${ON_GROUP}`],
  [`POST ${GROUP}:verify`, `maintain ${ON_GROUP}`],
  [`GET ${V}`, 'some describe'],
  [`POST ${V}`, 'some create'],
  [`GET ${VIEW}`, `describe ${ON_VIEW}`],
  [`PATCH ${VIEW}`, `update ${ON_VIEW}`],
  [`DELETE ${VIEW}`, `delete ${ON_VIEW}`],
  [`POST ${VIEW}/vector`, `readOnline ${ON_VIEW}`],
  [`POST ${VIEW}/vectors`, `readOnline ${ON_VIEW}`],
  [`POST ${VIEW}/training-datasets`, `readOffline ${ON_VIEW}`],
  [`GET ${VIEW}/training-datasets`, `readOffline ${ON_VIEW}`],
  [`GET ${VIEW}/training-datasets/1`, `readOffline ${ON_VIEW}`],
  [`GET ${VIEW}/training-datasets/1/data`, `readOffline ${ON_VIEW}`],
  [`POST ${VIEW}/training-datasets/1:verify`, `readOffline ${ON_VIEW}`],
  [`POST ${VIEW}/batch-data`, `readOffline ${ON_VIEW}`],
  ['GET /v1/projects/demo/search', 'some describe'],
  ['GET /v1/projects/demo/lineage', 'some describe'],
  ['GET /v1/projects/demo/definitions', 'some describe'],
  ['POST /v1/projects/demo/definitions:plan', 'some create, update'],
  ['POST /v1/projects/demo/definitions:apply', 'some create, update'],
  ['POST /v1/projects/demo/uploads', 'some writeOffline, readOffline'],
  ['PUT /v1/projects/demo/uploads/up_1', 'address'],
  ['GET /v1/projects/demo/jobs', 'describe on project'],
  ['GET /v1/projects/demo/jobs/jb_1', 'some writeOffline, readOffline, maintain, publish, erase'],
  ['POST /v1/projects/demo/jobs/jb_1:cancel', 'some writeOffline, readOffline, maintain, publish, erase'],
  ['GET /v1/projects/demo/grants', 'grant on project'],
  ['PUT /v1/projects/demo/grants', 'grant on project'],
  ['GET /v1/projects/demo/api-keys', 'grant on project'],
  ['POST /v1/projects/demo/api-keys', 'grant on project'],
  ['GET /v1/projects/demo/api-keys/ak_1', 'grant on project'],
  ['DELETE /v1/projects/demo/api-keys/ak_1', 'grant on project'],
  ['POST /v1/projects/demo/api-keys/ak_1:rotate', 'grant on project'],
];

export function rightText(right: RequiredRight): string {
  switch (right.kind) {
    case 'right':
      return `${right.action} on ${right.resource}`;
    case 'some':
      return `some ${right.actions.join(', ')}`;
    case 'projects':
      return right.mayList ? 'projects: list' : 'projects: create';
    case 'address':
    case 'none':
      return right.kind;
  }
}
