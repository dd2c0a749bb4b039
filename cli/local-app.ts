/** All functions' routes as one app, as `lakefold serve` and every command in this process use them. */
import { createCatalogApp } from '../functions/catalog/app.ts';
import { answerJson } from '../functions/http/answer.ts';
import { createHttpApp, type HttpApp } from '../functions/http/create-app.ts';
import { createIngestApp } from '../functions/ingest/app.ts';
import { createQueryApp } from '../functions/query/app.ts';
import { createServeApp } from '../functions/serve/app.ts';
import { storedTransforms } from '../lib/features/training/stored-manifest.ts';
import { VERSION } from '../lib/core/engine-info.ts';
import type { StoreDeps } from '../lib/store/open-store.ts';

/** Everything on the given backends; `serve` reads the registry itself, where a deployment has its copy. */
export function createLocalApp(deps: StoreDeps): HttpApp {
  const app = createHttpApp(deps);
  app.get('/healthz', (c) => answerJson(c, { status: 'ok', version: VERSION }));
  app.route('/', createCatalogApp(deps));
  app.route('/', createIngestApp({ ...deps, takesUploads: true, mayErase: true, mayRebuild: true }));
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
