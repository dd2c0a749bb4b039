"""Joins of the peers for point-in-time.ts: a question a line, an answer a line. Files to file, in the spine's order, with all their threads."""
import importlib.util
import json
import sys
import time

NAMES = {'polars': ('polars',), 'pandas': ('pandas', 'pyarrow')}


def polars(spine, history, out):
    import polars as pl
    left = pl.scan_parquet(spine).with_row_index('o').sort('t')
    right = pl.scan_parquet(history).select('id', 'at', f_v='v', f_n='n').sort('at')
    joined = left.join_asof(right, left_on='t', right_on='at', by='id', strategy='backward')
    joined.sort('o').select('id', 't', 'label', 'f_v', 'f_n').collect().write_parquet(out, compression='zstd')


def pandas(spine, history, out):
    import pandas as pd
    left = pd.read_parquet(spine)
    left['o'] = range(len(left))
    right = pd.concat([pd.read_parquet(path, columns=['id', 'at', 'v', 'n']) for path in history])
    joined = pd.merge_asof(left.sort_values('t'), right.sort_values('at'), left_on='t', right_on='at', by='id')
    joined = joined.sort_values('o').rename(columns={'v': 'f_v', 'n': 'f_n'})
    joined['f_n'] = joined['f_n'].astype('Int64')
    joined[['id', 't', 'label', 'f_v', 'f_n']].to_parquet(out, compression='zstd', index=False)


for line in sys.stdin:
    question = json.loads(line)
    if question['op'] == 'names':
        answer = [name for name, modules in NAMES.items() if all(importlib.util.find_spec(module) for module in modules)]
    else:
        start = time.perf_counter()
        globals()[question['name']](question['spine'], question['history'], question['out'])
        answer = time.perf_counter() - start
    print(json.dumps(answer), flush=True)
