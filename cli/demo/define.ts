/** Step: definitions are planned and applied. */
import { isJsonObject } from '../../lib/core/json.ts';
import type { Definitions } from '../config.ts';
import { AIRPORTS, PROJECT, ROUTES, VIEW } from './definitions.ts';
import { type Demo, GROUPS, openDemoGroup } from './demo.ts';
import type { Step } from './story.ts';

/** Plans the config's definitions, applies the plan, plans again: nothing is left to do. */
export async function define(demo: Demo, step: Step, config: { readonly path: string; readonly definitions: Definitions }): Promise<void> {
  step.say(`${config.path} defines ${AIRPORTS} (per airport and hour), ${ROUTES} (per route and hour) and the view ${VIEW}:`);
  step.say('3 joins, 10 stored features, 2 computed on demand from the request.');
  const planned = await plan(demo, config.definitions);
  step.check('the plan is to create two feature groups and a view', {
    found: actionsOf(planned),
    expected: [
      ['create', AIRPORTS, 1],
      ['create', ROUTES, 1],
      ['create', VIEW, 1],
    ],
  });
  await demo.client.json({ method: 'POST', path: `/v1/projects/${PROJECT}/definitions:apply`, json: { planId: planned['planId'] } });
  step.check('planned again, nothing is left to do', {
    found: actionsOf(await plan(demo, config.definitions)),
    expected: [
      ['none', AIRPORTS, 1],
      ['none', ROUTES, 1],
      ['none', VIEW, 1],
    ],
  });
  const versions = await Promise.all(GROUPS.map(async (name) => (await openDemoGroup(demo, name)).table.snapshot.version));
  step.check('each group has its own Delta table, at version 0', { found: versions, expected: [0, 0] });
}

async function plan(demo: Demo, definitions: Definitions): Promise<Readonly<Record<string, unknown>>> {
  return (await demo.client.json({ method: 'POST', path: `/v1/projects/${PROJECT}/definitions:plan`, json: definitions })).body;
}

function actionsOf(planned: Readonly<Record<string, unknown>>): readonly unknown[] {
  const { changes } = planned;
  return Array.isArray(changes) ? changes.filter(isJsonObject).map(({ action, name, version }) => [action, name, version]) : [];
}
