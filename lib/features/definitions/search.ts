/**
 * Search over a project's definitions and training datasets (shapes.md, `/search`).
 *
 * Every word of the query must be found in some field, whatever its case; the score is the sum over words of their best
 * field, so that a name outweighs any number of descriptions. Without words everything that passes the filters is found.
 */
import type { ObjectStore } from '../../ports/object-store.ts';
import type { FeatureGroupState, FeatureViewState, RegistryState } from '../../registry/definition.ts';
import { listDatasetNames, readSummaries, type DatasetSummary } from '../training/list-datasets.ts';

export const SEARCH_TYPES = ['featureGroup', 'feature', 'featureView', 'trainingDataset'] as const;
export type SearchType = (typeof SEARCH_TYPES)[number];
export type MatchedField = 'name' | 'feature' | 'tag' | 'owner' | 'description';

export interface SearchQuery {
  /** Words, separated by white space. */
  readonly q: string;
  readonly type?: SearchType;
  /** `team:ops` = that value, `team` = any value. */
  readonly tag?: string;
  readonly owner?: string;
}

export interface SearchItem {
  readonly type: SearchType;
  readonly name: string;
  /** Of a feature its group's, of a training dataset its number. */
  readonly version: number;
  /** `airport_delays/1`: the group of a feature, the view of a training dataset. */
  readonly parent: string | null;
  readonly description: string | null;
  readonly tags: Readonly<Record<string, string>>;
  readonly owner: string | null;
  readonly matched: readonly MatchedField[];
  readonly score: number;
}

type Found = Omit<SearchItem, 'matched' | 'score'>;

interface Candidate {
  readonly item: Found;
  /** Names of its features: what a group or view is found by, too. */
  readonly features: readonly string[];
}

const FIELDS: readonly MatchedField[] = ['name', 'feature', 'tag', 'owner', 'description'];
/** What a word is worth where the field is it, begins with it, has a word beginning with it, contains it. */
const SCORES: Readonly<Record<MatchedField, readonly [whole: number, start: number, word: number, within: number]>> = {
  name: [10, 6, 5, 3],
  feature: [4, 3, 2.5, 2],
  tag: [4, 2.5, 2, 1.5],
  owner: [4, 2.5, 2, 1.5],
  description: [2, 1.5, 1.2, 1],
};

/** Best first; equal scores by type, name and version. @throws LakefoldError LIMIT_EXCEEDED for a project with too many training datasets */
export async function search(
  deps: { readonly store: ObjectStore },
  { project, state }: { readonly project: string; readonly state: RegistryState },
  query: SearchQuery,
): Promise<readonly SearchItem[]> {
  // Training datasets have neither tags nor owners.
  const mayBeDataset = (query.type ?? 'trainingDataset') === 'trainingDataset' && query.tag === undefined && query.owner === undefined;
  const alive = new Set(state.featureViews.filter(isAlive).map(({ definition }) => `${definition.name}/${definition.version}`));
  const names = mayBeDataset ? (await listDatasetNames(deps, project)).filter((at) => alive.has(`${at.name}/${at.version}`)) : [];
  return rank([...candidatesOf(state), ...(await readSummaries(deps, project, names)).map(ofDataset)], query);
}

/** Pure part of `search`: the candidates a query finds, in order. */
function rank(candidates: readonly Candidate[], query: SearchQuery): readonly SearchItem[] {
  const words = query.q
    .toLowerCase()
    .split(/\s+/u)
    .filter((word) => word !== '');
  return candidates
    .filter(({ item }) => passes(item, query))
    .flatMap((candidate) => scored(candidate, words) ?? [])
    .toSorted((a, b) => b.score - a.score || compareText(placeOf(a), placeOf(b)));
}

/** Where an item stands among those of its score: unique in a project. */
function placeOf({ type, name, version, parent }: Found): string {
  return `${SEARCH_TYPES.indexOf(type)}/${name}/${parent ?? ''}/${String(version).padStart(10, '0')}`;
}

/** Unique, and ordered as the answer is: what a page begins behind. */
export function searchPosition(item: SearchItem): string {
  return `${String(SCORE_MAX - Math.round(item.score * 100)).padStart(9, '0')}/${placeOf(item)}`;
}

const SCORE_MAX = 999_999_999;

function candidatesOf(state: RegistryState): readonly Candidate[] {
  const groups = state.featureGroups.filter(isAlive).flatMap(({ definition }): readonly Candidate[] => {
    const { name, version, description, tags, owner, schema } = definition;
    const identity = new Set([...definition.primaryKey, definition.eventTime]);
    const features = schema.filter((column) => !identity.has(column.name));
    return [
      { item: { type: 'featureGroup', name, version, parent: null, description, tags, owner }, features: features.map((column) => column.name) },
      ...features.map((column): Candidate => ({
        item: { type: 'feature', name: column.name, version, parent: `${name}/${version}`, description: column.description ?? null, tags, owner },
        features: [],
      })),
    ];
  });
  const views = state.featureViews.filter(isAlive).map(({ definition }): Candidate => {
    const { name, version, description, tags, owner, joins, onDemand } = definition;
    return {
      item: { type: 'featureView', name, version, parent: null, description, tags, owner },
      features: [...joins.flatMap((join) => join.features.map((feature) => join.prefix + feature)), ...onDemand.map((item) => item.name)],
    };
  });
  return [...groups, ...views];
}

function ofDataset({ name, version, number, description, features }: DatasetSummary): Candidate {
  return { item: { type: 'trainingDataset', name, version: number, parent: `${name}/${version}`, description, tags: {}, owner: null }, features };
}

function isAlive({ status }: FeatureGroupState | FeatureViewState): boolean {
  return status !== 'DELETED';
}

function passes({ type, tags, owner }: Found, query: SearchQuery): boolean {
  if (query.type !== undefined && type !== query.type) return false;
  if (query.owner !== undefined && owner?.toLowerCase() !== query.owner.toLowerCase()) return false;
  if (query.tag === undefined) return true;
  const colon = query.tag.indexOf(':');
  if (colon === -1) return Object.hasOwn(tags, query.tag);
  const [key, value] = [query.tag.slice(0, colon), query.tag.slice(colon + 1)];
  return Object.hasOwn(tags, key) && tags[key] === value;
}

function scored({ item, features }: Candidate, words: readonly string[]): SearchItem | undefined {
  const texts: Readonly<Record<MatchedField, readonly string[]>> = {
    name: [item.name],
    feature: features,
    tag: Object.entries(item.tags).flatMap(([key, value]) => [key, value, `${key}:${value}`]),
    owner: item.owner === null ? [] : [item.owner],
    description: item.description === null ? [] : [item.description],
  };
  const matched = new Set<MatchedField>();
  let score = 0;
  for (const word of words) {
    const found = FIELDS.map((field) => ({ field, score: Math.max(0, ...texts[field].map((text) => wordScore(field, text.toLowerCase(), word))) }));
    const best = Math.max(...found.map((each) => each.score));
    if (best === 0) return undefined;
    for (const each of found) if (each.score > 0) matched.add(each.field);
    score += best;
  }
  return { ...item, matched: FIELDS.filter((field) => matched.has(field)), score: Math.round(score * 100) / 100 };
}

function wordScore(field: MatchedField, text: string, word: string): number {
  const [whole, start, inner, within] = SCORES[field];
  const at = text.indexOf(word);
  if (at === -1) return 0;
  if (text.length === word.length) return whole;
  if (at === 0) return start;
  return text.split(/[\s_:@.,;/()-]+/u).some((part) => part.startsWith(word)) ? inner : within;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
