/** Commits of other engines and processes, folded into the online store while a server runs. */
import { tendGenerations } from '../lib/features/publish/generations.ts';
import { publishGroup } from '../lib/features/publish/publish-group.ts';
import { listProjects } from '../lib/registry/location.ts';
import type { LocalStore } from './local-store.ts';

/** Between two looks at the logs, ms. */
const POLL_MILLIS = 2000;

/** Polls until aborted. A group that fails is logged once, and again when it failed otherwise; the others go on. */
export async function publishForeignCommits(store: LocalStore, signal: AbortSignal): Promise<void> {
  const failing = new Map<string, string>();
  while (!signal.aborted) {
    await publishAll(store, failing, signal);
    await store.deps.clock.sleep(POLL_MILLIS, signal).catch(() => undefined);
  }
}

async function publishAll({ deps, projects }: LocalStore, failing: Map<string, string>, signal: AbortSignal): Promise<void> {
  const attempt = async (name: string, work: () => Promise<void>): Promise<void> => {
    try {
      await work();
      failing.delete(name);
    } catch (error) {
      if (failing.get(name) !== String(error)) deps.log.warn('publish.failed', { group: name, error });
      failing.set(name, String(error));
    }
  };
  await attempt('', async () => {
    for (const project of await listProjects(deps)) {
      const { state } = await projects.registry(project);
      for (const { definition, status } of state.featureGroups) {
        if (signal.aborted) return;
        if (!definition.onlineEnabled || status === 'DELETED') continue;
        await attempt(`${project}/${definition.name}/${definition.version}`, async () => {
          const group = await projects.group(project, definition.name, definition.version);
          await publishGroup(deps, group);
          await tendGenerations(deps, group);
        });
      }
    }
  });
}
