/** The HTTP apps composed as one server, over stores in memory or in a folder, and the definitions of api.md's example. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as joinPaths } from 'node:path';
import { createAccessApp } from '../../functions/access/app.ts';
import { createCatalogApp } from '../../functions/catalog/app.ts';
import { createHttpApp, type HttpApp } from '../../functions/http/create-app.ts';
import { createIngestApp } from '../../functions/ingest/app.ts';
import { createQueryApp } from '../../functions/query/app.ts';
import { refusedSource } from '../../functions/query/spine-source.ts';
import { createServeApp } from '../../functions/serve/app.ts';
import { copiedDefinitions } from '../../functions/serve/copied-definitions.ts';
import { openDuckDbEngine } from '../../lib/adapters/duckdb/engine.ts';
import { openScratch } from '../../lib/adapters/fs/scratch.ts';
import { ManualClock } from '../../lib/adapters/memory/clock.ts';
import { MemoryControl } from '../../lib/adapters/memory/control.ts';
import { MemoryObjectStore } from '../../lib/adapters/memory/object-store.ts';
import { MemoryOnlineStore } from '../../lib/adapters/memory/online-store.ts';
import { SeededRandom } from '../../lib/adapters/memory/random.ts';
import type { FeatureDeps } from '../../lib/features/deps.ts';
import { startLoads } from '../../lib/features/publish/generations.ts';
import { readTransformsCopy } from '../../lib/features/training/transforms-copy.ts';
import { Projects } from '../../lib/features/definitions/projects.ts';
import type { Clock } from '../../lib/ports/clock.ts';
import { t } from '../../lib/registry/column-builder.ts';
import { collectDefinitions, type FunctionTable } from '../../lib/registry/collect-definitions.ts';
import { featureGroup } from '../../lib/registry/define-group.ts';
import { featureView, join, onDemand } from '../../lib/registry/define-view.ts';
import { recordedLog } from './fold-ports.ts';
import { openParquetCodec } from './embedded.ts';

/** 2001-03-01T10:30:00Z: the example's rows are of the half hour before. */
const NOW_MILLIS = 983_442_600_000;
export const NOW = '2001-03-01T10:30:00Z';

export const airportDelays = featureGroup({
  name: 'airport_delays',
  version: 1,
  description: 'Trailing departure delays per airport',
  schema: { origin: t.string(), hour: t.timestamp(), flights_24h: t.int(), mean_delay_24h: t.double().nullable() },
  primaryKey: ['origin'],
  eventTime: 'hour',
  onlineEnabled: true,
  ttl: 'P7D',
  availabilityDelay: 'PT5M',
  clusterBy: ['origin', 'hour'],
  tags: { team: 'ops' },
  owner: 'ops@example.com',
});

export const delayModel = featureView({
  name: 'delay_model',
  version: 1,
  spine: { origin: t.string(), dest: t.string(), predicted_at: t.timestamp(), distance: t.int(), delayed: t.boolean().nullable() },
  labelTime: 'predicted_at',
  labels: ['delayed'],
  joins: [
    join(airportDelays, {
      on: { origin: 'origin' },
      features: ['flights_24h', 'mean_delay_24h'],
      prefix: 'dep_',
      lookback: 'P2D',
      defaults: { flights_24h: 0 },
    }),
    join(airportDelays, { on: { dest: 'origin' }, features: ['mean_delay_24h'], prefix: 'arr_' }),
  ],
  onDemand: [onDemand({ name: 'is_long_haul', inputs: { distance: t.int() }, returns: t.boolean(), compute: ({ distance }) => distance > 1500 })],
});

export const GROUP = '/v1/projects/demo/feature-groups/airport_delays/versions/1';
export const VIEW = '/v1/projects/demo/feature-views/delay_model/versions/1';

/** The rows behind api.md's vectors. */
export const EXAMPLE_ROWS = [
  { origin: 'SFO', hour: '2001-03-01T10:00:00Z', flights_24h: 31, mean_delay_24h: 8.2 },
  { origin: 'JFK', hour: '2001-03-01T10:00:00Z', flights_24h: 7, mean_delay_24h: 4 },
];

/** An answer without what differs from run to run: `requestId` is checked and taken out of JSON bodies. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** Parsed JSON, without `requestId`; undefined for other types. */
  readonly body: unknown;
  readonly text: string;
  readonly bytes: Uint8Array;
}

export interface Sent {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Api<Parts extends FeatureDeps = FeatureDeps> {
  readonly app: HttpApp;
  readonly parts: Parts;
  readonly log: ReturnType<typeof recordedLog>;
  readonly projects: Projects;
  send(method: string, path: string, sent?: Sent): Promise<Answer>;
  get(path: string): Promise<Answer>;
  /** JSON unless `headers` name another type; text and bytes go as they are. */
  post(path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  close(): Promise<void>;
}

export type MemoryParts = FeatureDeps & {
  readonly store: MemoryObjectStore;
  readonly online: MemoryOnlineStore;
  readonly control: MemoryControl;
  readonly clock: ManualClock;
};

/** Deterministic parts: stores in memory, a clock that stands at `NOW` until told to move, work for later done at once. */
export function memoryParts(): MemoryParts & { readonly log: ReturnType<typeof recordedLog>; readonly later: Promise<void>[] } {
  const clock = new ManualClock({ startMillis: NOW_MILLIS, sleeping: 'skip' });
  const later: Promise<void>[] = [];
  return {
    clock,
    random: new SeededRandom(1),
    log: recordedLog(),
    engineInfo: 'lakefold/test',
    codec: openParquetCodec(),
    later,
    store: new MemoryObjectStore({ clock }),
    online: new MemoryOnlineStore(),
    control: new MemoryControl(),
    background: { run: (_, task) => void later.push(task()) },
  };
}

const exampleFunctions: FunctionTable = collectDefinitions({ delayModel }).functions;

/** Every app over `parts`, as one server. Close it: the engine has a folder. */
export async function openApi<Parts extends FeatureDeps & { readonly log: ReturnType<typeof recordedLog>; readonly clock: Clock }>(
  parts: Parts,
  functions: FunctionTable = exampleFunctions,
): Promise<Api<Parts>> {
  const directory = await mkdtemp(joinPaths(tmpdir(), 'lakefold-api-'));
  const engine = await openDuckDbEngine({ scratchDirectory: directory, threads: 1 });
  const projects = new Projects({ ...parts, loadWanted: startLoads(parts) });
  const app = createHttpApp(parts);
  app.route('/', createAccessApp({ ...parts, projects }));
  app.route('/', createCatalogApp({ ...parts, projects }));
  app.route('/', createIngestApp({ ...parts, projects, takesUploads: true, mayErase: true, mayRebuild: true }));
  app.route('/', createQueryApp({ ...parts, engine, functions, scratch: openScratch(directory), openSource: refusedSource, projects }));
  app.route(
    '/',
    createServeApp({ ...parts, functions, definitions: copiedDefinitions(parts), fittedTransforms: (set) => readTransformsCopy(parts.control, set) }),
  );
  const send = async (method: string, path: string, { body, headers = {} }: Sent = {}): Promise<Answer> =>
    answerOf(await app.request(path, requestOf(method, body, headers)));
  return {
    app,
    parts,
    projects,
    log: parts.log,
    send,
    get: (path) => send('GET', path),
    post: (path, body, headers = {}) => send('POST', path, { body, headers }),
    close: async () => {
      await engine.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** A server in memory with the project `demo`. */
export async function openMemoryApi(): Promise<Api<ReturnType<typeof memoryParts>>> {
  const api = await openApi(memoryParts());
  await api.post('/v1/projects', { name: 'demo' });
  return api;
}

/** As `openMemoryApi`, with the example's group and view. */
export async function openExampleApi(): Promise<Api<ReturnType<typeof memoryParts>>> {
  const api = await openMemoryApi();
  await api.post('/v1/projects/demo/feature-groups', airportDelays.json);
  await api.post('/v1/projects/demo/feature-views', delayModel.json);
  return api;
}

function requestOf(method: string, body: unknown, headers: Readonly<Record<string, string>>): RequestInit {
  if (body === undefined) return { method, headers };
  if (typeof body === 'string' || body instanceof Uint8Array)
    return { method, headers: { 'content-type': 'application/json', ...headers }, body: typeof body === 'string' ? body : new Uint8Array(body) };
  return { method, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) };
}

async function answerOf(response: Response): Promise<Answer> {
  const bytes = new Uint8Array(await response.arrayBuffer());
  const text = new TextDecoder().decode(bytes);
  return { status: response.status, headers: response.headers, bytes, text, body: jsonBody(response.headers, text) };
}

function jsonBody(headers: Headers, text: string): unknown {
  if (!/^application\/(problem\+)?json$/.test(headers.get('content-type') ?? '')) return undefined;
  const { requestId, ...body }: { readonly requestId?: unknown } = JSON.parse(text);
  if (typeof requestId !== 'string' || requestId === '' || requestId !== headers.get('x-request-id'))
    throw new Error(`expected the request id of x-request-id as requestId, found ${String(requestId)}`);
  return body;
}

/** The rows of an NDJSON answer. */
export function rowsOf(answer: Pick<Answer, 'text'>): readonly unknown[] {
  return answer.text
    .split('\n')
    .filter((line) => line !== '')
    .map((line): unknown => JSON.parse(line));
}
