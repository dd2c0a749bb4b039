/** The rules of the semantics by id, as `docs/rules.md` heads them, and the parts of them that are not built. */

export interface Rule {
  readonly id: string;
  readonly title: string;
}

export interface Chapter {
  readonly title: string;
  readonly rules: readonly Rule[];
}

function chapter(title: string, rules: Readonly<Record<string, string>>): Chapter {
  return { title, rules: Object.entries(rules).map(([id, name]) => ({ id, title: name })) };
}

export const CHAPTERS: readonly Chapter[] = [
  chapter('The point-in-time join', {
    P1: 'one row out for each in, in order',
    P2: 'the upper bound',
    P3: 'the lower bound',
    P4: 'ties',
    P5: 'nulls of the picked record',
    P6: 'deleted rows',
    P7: 'null keys',
    P8: 'null label times',
    P9: 'groups without event time',
    P10: 'whole keys',
    P11: 'stars and snowflakes',
    P12: 'left joins',
    P13: 'output names',
    P14: 'known as of',
    P15: 'availability delay',
    P16: 'key types',
    P17: 'join filters',
    P18: 'defaults, functions, transforms',
    P19: 'pins and hashes',
    P20: 'cost',
  }),
  chapter('The fold', {
    U1: 'merges',
    U2: 'refused writes and counts',
    U3: 'one write a key',
    U4: 'no event time',
    U5: 'whole rows',
    U6: 'order and watermark',
    U7: 'edits',
    U8: 'maintenance',
    U9: 'idempotency',
    U10: 'size of a row',
    U11: 'load generations',
    U12: 'rows of the future',
    U13: 'rows nobody checked',
  }),
  chapter('Deletes', { D1: 'by key, by record', D2: 'deleted marks', D3: 'erasure', D4: 'missing keys' }),
  chapter('Time to live', {
    T1: 'one definition',
    T2: 'one visibility',
    T3: 'collection',
    T4: 'a changed ttl',
    T5: 'expired on arrival',
    T6: 'no event time',
    T7: 'retention',
  }),
  chapter('Schema evolution', {
    E1: 'add a nullable column',
    E2: 'wider types',
    E3: 'required → nullable',
    E4: 'settings',
    E5: 'nullable → required, other types',
    E6: 'columns dropped, keys changed',
    E7: 'rows and payloads of other schemas',
  }),
  chapter('Serving', {
    S1: 'rows align',
    S2: 'features shown',
    S3: 'where a value comes from',
    S4: 'statuses',
    S5: 'what is missing',
    S6: 'one fan-out',
    S7: 'faults of a request',
    S8: 'metadata',
    S9: 'functions',
  }),
  chapter('Validation', { V1: 'STRICT', V2: 'ALWAYS', V3: 'QUARANTINE', V4: 'mostly', V5: 'order of checks' }),
];

/** Promises of a rule that no code keeps yet, by its id. */
export const NOT_BUILT: Readonly<Record<string, readonly string[]>> = {
  U11: ['a first load and a large edit go through a generation of their own without being asked to'],
};
