/** Built-in model-dependent transformations (P18), as definitions spell them: what each takes and wants to be told. */
import { toValue } from '../core/input-values.ts';
import type { Json } from '../core/json.ts';
import { formatType, type ColumnType } from '../core/types.ts';

const BUILT_IN = [
  'standard_scaler',
  'min_max_scaler',
  'robust_scaler',
  'imputer',
  'label_encoder',
  'one_hot_encoder',
  'log_transform',
  'quantile_binner',
] as const;

export type BuiltInTransform = (typeof BUILT_IN)[number];

export function isBuiltInTransform(name: string): name is BuiltInTransform {
  return BUILT_IN.some((other) => other === name);
}

const NUMBERS = ['int', 'bigint', 'float', 'double', 'decimal'];
/** Types of which two values are equal or not, whatever made them. */
const CATEGORIES = ['boolean', 'int', 'bigint', 'decimal', 'string', 'date', 'timestamp'];
const STRATEGIES = ['mean', 'median', 'most_frequent', 'constant'];
const BINS_MAX = 1000;
const INT_MAX = 2 ** 31 - 1;

interface TransformUse {
  readonly function: string;
  readonly arguments: Readonly<Record<string, Json>>;
  readonly sourceHash?: string;
}

/** What is wrong with a transform of a feature of this type; undefined = nothing. */
export function transformFault(use: TransformUse, type: ColumnType): string | undefined {
  if (use.sourceHash !== undefined) return ownFault(use, type);
  if (!isBuiltInTransform(use.function)) return undefined;
  const takes = acceptedTypes(use);
  if (!takes.includes(type.kind)) return `expected a feature of type ${takes.join(', ')} for ${use.function}, found ${formatType(type)}`;
  return argumentsFault(use.function, use.arguments, type);
}

function acceptedTypes({ function: name, arguments: given }: TransformUse): readonly string[] {
  switch (name) {
    case 'label_encoder':
    case 'one_hot_encoder':
      return CATEGORIES;
    case 'imputer':
      return given['strategy'] === 'most_frequent' || given['strategy'] === 'constant' ? [...CATEGORIES, 'float', 'double'] : NUMBERS;
    default:
      return NUMBERS;
  }
}

function ownFault({ arguments: given }: TransformUse, type: ColumnType): string | undefined {
  if (given['input'] !== formatType(type)) return `expected a transform of ${formatType(type)}, found one of ${JSON.stringify(given['input'] ?? null)}`;
  return typeof given['output'] === 'string' ? undefined : `expected the type of its output, found ${JSON.stringify(given['output'] ?? null)}`;
}

function argumentsFault(name: BuiltInTransform, given: TransformUse['arguments'], type: ColumnType): string | undefined {
  const known = KNOWN_ARGUMENTS[name] ?? [];
  const unknown = Object.keys(given).find((key) => !known.includes(key));
  if (unknown !== undefined) return `expected ${known.length === 0 ? 'no arguments' : known.join(', ')} for ${name}, found ${unknown}`;
  const { strategy, value, unknown: other, offset, bins } = given;
  switch (name) {
    case 'imputer': {
      if (typeof strategy !== 'string' || !STRATEGIES.includes(strategy))
        return `expected a strategy ${STRATEGIES.join(', ')}, found ${JSON.stringify(strategy ?? null)}`;
      if (strategy !== 'constant') return value === undefined ? undefined : `expected no value with strategy ${strategy}, found ${JSON.stringify(value)}`;
      const constant = value === undefined || value === null ? undefined : toValue(type, value);
      return constant?.kind === 'value' ? undefined : `expected a value of ${formatType(type)} for strategy constant, found ${JSON.stringify(value ?? null)}`;
    }
    case 'label_encoder':
      return other === undefined || isWhole(other, { min: -INT_MAX - 1, max: INT_MAX })
        ? undefined
        : `expected an int as unknown, found ${JSON.stringify(other)}`;
    case 'one_hot_encoder':
      return other === undefined || other === 'zeros' || other === 'null' ? undefined : `expected zeros or null as unknown, found ${JSON.stringify(other)}`;
    case 'log_transform':
      return offset === undefined || typeof offset === 'number' ? undefined : `expected a number as offset, found ${JSON.stringify(offset)}`;
    case 'quantile_binner':
      return isWhole(bins, { min: 2, max: BINS_MAX }) ? undefined : `expected bins from 2 to ${BINS_MAX}, found ${JSON.stringify(bins ?? null)}`;
    default:
      return undefined;
  }
}

const KNOWN_ARGUMENTS: Partial<Record<BuiltInTransform, readonly string[]>> = {
  imputer: ['strategy', 'value'],
  label_encoder: ['unknown'],
  one_hot_encoder: ['unknown'],
  log_transform: ['offset'],
  quantile_binner: ['bins'],
};

function isWhole(json: Json | undefined, { min, max }: { readonly min: number; readonly max: number }): boolean {
  return typeof json === 'number' && Number.isInteger(json) && json >= min && json <= max;
}
