/** A store's parts wired together, whatever they are made of. */
import type { FeatureDeps } from '../features/deps.ts';
import { startLoads } from '../features/publish/generations.ts';
import { Projects } from '../features/definitions/projects.ts';
import type { TrainingDeps } from '../features/training/build-rows.ts';
import { isLakefoldError } from '../core/errors.ts';

/** What the functions' apps take as well: everything but HTTP. */
export interface StoreDeps extends FeatureDeps, Omit<TrainingDeps, 'openGroup' | 'control'> {
  readonly projects: Projects;
}

export interface OpenStore {
  readonly deps: StoreDeps;
  readonly projects: Projects;
  /** Waits for work under way and closes every file and connection. */
  close(): Promise<void>;
}

/** Creates the project unless it is there. */
export async function ensureProject(projects: Projects, project: string): Promise<void> {
  try {
    await projects.registry(project);
  } catch (error) {
    if (!isLakefoldError(error, 'UNKNOWN_PROJECT')) throw error;
    await projects.create(project);
  }
}

export function wireStore(parts: Omit<StoreDeps, 'projects'>, close: () => Promise<void>): OpenStore {
  const projects = new Projects({ ...parts, loadWanted: startLoads(parts) });
  return { projects, deps: { ...parts, projects }, close };
}
