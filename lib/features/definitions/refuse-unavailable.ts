/** What definitions may say but this version does not carry out: refused when they are registered, never ignored. */
import { type Fault, LakefoldError } from '../../core/errors.ts';
import type { FeatureGroupDefinition, FeatureViewDefinition } from '../../registry/definition.ts';
import type { DefinitionsPlan } from '../../registry/plan.ts';
import { expectationFaults } from '../quality/expectations.ts';

/** @throws LakefoldError UNSUPPORTED_OPERATION naming the member, INVALID_DEFINITION for expectations that do not fit their columns */
export function refuseUnavailable(plan: DefinitionsPlan): void {
  const isChanged = ({ name, version }: { readonly name: string; readonly version: number }, type: string): boolean =>
    plan.body.changes.some((change) => change.type === type && change.name === name && change.version === version && change.action !== 'none');
  for (const group of plan.featureGroups) if (isChanged(group, 'featureGroup')) checkGroup(group);
  for (const view of plan.featureViews) if (isChanged(view, 'featureView')) checkView(view);
}

function checkGroup(group: FeatureGroupDefinition): void {
  const place = `feature group ${group.name}/${group.version}`;
  if (group.eraseSchedule !== null) throw unavailable(place, 'eraseSchedule', 'none', group.eraseSchedule);
  const faults = expectationFaults(group);
  const [first] = faults;
  if (first !== undefined) throw new LakefoldError('INVALID_DEFINITION', `${place}: ${first.field ?? ''}: ${first.message}`, { errors: faults });
}

function checkView(view: FeatureViewDefinition): void {
  const place = `feature view ${view.name}/${view.version}`;
  if (view.logging.sample > 0) throw unavailable(place, 'logging.sample', '0', String(view.logging.sample));
}

function unavailable(place: string, field: string, expected: string, found: string): LakefoldError {
  const message = `expected ${expected} as ${field} of ${place}, found ${found}, which is not available`;
  const errors: readonly Fault[] = [{ field, code: 'UNSUPPORTED_OPERATION', message }];
  return new LakefoldError('UNSUPPORTED_OPERATION', message, { context: { field }, errors });
}
