/**
 * Members that we don't know, of all actions but files, said in the footer of a checkpoint whose columns have no place for
 * them: whoever writes the metadata or the protocol on would lose them else.
 */
import { isJsonObject, type Json, type JsonObject, parseJson, stringifyJson } from '../../core/json.ts';
import { MORE_OF_OTHERS_BYTES_MAX } from '../../core/limits.ts';
import type { Action, Metadata } from './actions.ts';

/** Names of the remarks, which other readers pass over. */
const REMARKS = { metaData: 'lakefold.metaData', protocol: 'lakefold.protocol', txn: 'lakefold.txn', domainMetadata: 'lakefold.domainMetadata' } as const;

/** The remarks of these actions, each left out where there is nothing to say or too much to carry along. */
export function formatMoreOfOthers(actions: readonly Action[]): Readonly<Record<string, string>> {
  const said = new Map<string, Record<string, Json>>();
  for (const action of actions) {
    const more = moreOf(action);
    if (more === undefined) continue;
    const remark = REMARKS[more.kind];
    said.set(remark, more.key === undefined ? more.members : { ...said.get(remark), [more.key]: more.members });
  }
  const texts = [...said].map(([remark, members]) => [remark, stringifyJson(members)] as const);
  return Object.fromEntries(texts.filter(([, text]) => text.length <= MORE_OF_OTHERS_BYTES_MAX));
}

interface MoreOfOther {
  readonly kind: keyof typeof REMARKS;
  /** Which of its kind. */
  readonly key?: string;
  readonly members: JsonObject;
}

function moreOf(action: Action): MoreOfOther | undefined {
  switch (action.kind) {
    case 'metaData': {
      const { more, format } = action;
      return more === undefined && format.more === undefined ? undefined : { kind: 'metaData', members: { more: more ?? {}, format: format.more ?? {} } };
    }
    case 'protocol':
      return action.more === undefined ? undefined : { kind: 'protocol', members: action.more };
    case 'txn':
      return action.more === undefined ? undefined : { kind: 'txn', key: action.appId, members: action.more };
    case 'domainMetadata':
      return action.more === undefined ? undefined : { kind: 'domainMetadata', key: action.domain, members: action.more };
    default:
      return undefined;
  }
}

/** The action with what the remarks say of it; as it is where that makes no sense. */
export function withMoreOfOthers(action: Action, remarks: ReadonlyMap<string, string> | undefined): Action {
  if (remarks === undefined) return action;
  switch (action.kind) {
    case 'metaData':
      return withMoreOfMetadata(action, remarkOf(remarks, action.kind));
    case 'protocol':
      return { ...action, ...some(remarkOf(remarks, action.kind)) };
    case 'txn':
      return { ...action, ...some(remarkOf(remarks, action.kind)?.[action.appId]) };
    case 'domainMetadata':
      return { ...action, ...some(remarkOf(remarks, action.kind)?.[action.domain]) };
    default:
      return action;
  }
}

function withMoreOfMetadata(metadata: Metadata, remark: JsonObject | undefined): Metadata {
  if (remark === undefined) return metadata;
  return { ...metadata, format: { ...metadata.format, ...some(remark['format']) }, ...some(remark['more']) };
}

function some(more: Json | undefined): { readonly more?: JsonObject } {
  return isJsonObject(more) && Object.keys(more).length > 0 ? { more } : {};
}

function remarkOf(remarks: ReadonlyMap<string, string>, kind: keyof typeof REMARKS): JsonObject | undefined {
  const text = remarks.get(REMARKS[kind]);
  if (text === undefined) return undefined;
  try {
    const json = parseJson(text);
    return isJsonObject(json) ? json : undefined;
  } catch {
    return undefined;
  }
}
