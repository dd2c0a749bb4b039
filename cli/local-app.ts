/** All functions' routes as one app, as `lakefold serve` and every command in this process use them. */
import { createAccessApp } from '../functions/access/app.ts';
import { createCatalogApp } from '../functions/catalog/app.ts';
import { answerJson } from '../functions/http/answer.ts';
import { accessGuard } from '../functions/http/access-guard.ts';
import { createHttpApp, type HttpApp } from '../functions/http/create-app.ts';
import { createIngestApp } from '../functions/ingest/app.ts';
import { RowsQueue } from '../functions/ingest/queued-rows.ts';
import { createQueryApp } from '../functions/query/app.ts';
import { createServeApp } from '../functions/serve/app.ts';
import { recordUse, type StoredKey } from '../lib/features/access/api-keys.ts';
import { KeyAuthenticator } from '../lib/features/access/authenticate.ts';
import { storedTransforms } from '../lib/features/training/stored-manifest.ts';
import { VERSION } from '../lib/core/engine-info.ts';
import type { StoreDeps } from '../lib/store/open-store.ts';

/** The same app for whoever signs in with an API key, and for nobody else; `/healthz` is everybody's. */
export function createGuardedApp(app: HttpApp, deps: StoreDeps): HttpApp {
  const guarded = createHttpApp(deps);
  const used = (key: StoredKey): void => {
    void recordUse(deps, key).catch((error: unknown) => deps.log.warn('key.use.unrecorded', { key: key.id, error: String(error) }));
  };
  guarded.use('/v1/*', accessGuard({ keys: new KeyAuthenticator(deps), definitions: (project) => deps.projects.registry(project), used }));
  guarded.route('/', app);
  return guarded;
}

/** Everything on the given backends; `serve` reads the registry itself, where a deployment has its copy. */
export function createLocalApp(deps: StoreDeps, queue: RowsQueue = new RowsQueue(deps)): HttpApp {
  const app = createHttpApp(deps);
  app.get('/healthz', (c) => answerJson(c, { status: 'ok', version: VERSION }));
  app.route('/', createAccessApp(deps));
  app.route('/', createCatalogApp(deps));
  app.route('/', createIngestApp({ ...deps, queue, takesUploads: true, mayErase: true, mayRebuild: true }));
  app.route('/', createQueryApp(deps));
  app.route(
    '/',
    createServeApp({
      ...deps,
      fittedTransforms: storedTransforms(deps),
      definitions: (project, { fresh }) => deps.projects.registry(project, fresh ? { fresh: 'yes' } : {}),
    }),
  );
  return app;
}
