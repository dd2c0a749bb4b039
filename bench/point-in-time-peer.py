"""Joins of the peers for point-in-time.ts: a question a line, an answer a line. Files to file, in the spine's order, with all their threads."""
import importlib.util
import json
import os
import sys
import tempfile
import time
from datetime import timedelta

NAMES = {'polars': ('polars',), 'pandas': ('pandas', 'pyarrow'), 'feast_duckdb': ('feast', 'ibis'), 'feast_file': ('feast', 'dask')}


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


def feast(kind):
    """Through Feast's API, as its users do: rows come back in an order of its own, and `file` leaves out those without a feature."""
    def join(spine, history, out):
        import pandas as pd
        from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType
        from feast.types import Float64, Int64
        with tempfile.TemporaryDirectory() as folder:
            rows = os.path.join(folder, 'history')
            os.mkdir(rows)
            for i, path in enumerate(history):
                os.symlink(path, os.path.join(rows, f'{i}.parquet'))
            config = RepoConfig(project='bench', provider='local', registry=os.path.join(folder, 'registry.db'), offline_store={'type': kind},
                                online_store={'type': 'sqlite', 'path': os.path.join(folder, 'online.db')}, entity_key_serialization_version=3)
            store = FeatureStore(config=config)
            entity = Entity(name='id', join_keys=['id'], value_type=ValueType.INT64)
            source = FileSource(path=os.path.join(rows, '*.parquet') if kind == 'duckdb' else rows, timestamp_field='at')
            view = FeatureView(name='f', entities=[entity], ttl=timedelta(0), source=source,
                               schema=[Field(name='id', dtype=Int64), Field(name='v', dtype=Float64), Field(name='n', dtype=Int64)])
            store.apply([entity, view])
            left = pd.read_parquet(spine).rename(columns={'t': 'event_timestamp'})
            joined = store.get_historical_features(entity_df=left, features=['f:v', 'f:n']).to_df()
            joined = joined.rename(columns={'event_timestamp': 't', 'v': 'f_v', 'n': 'f_n'})
            joined['f_n'] = joined['f_n'].astype('Int64')
            joined[['id', 't', 'label', 'f_v', 'f_n']].to_parquet(out, compression='zstd', index=False)
    return join


JOINS = {'polars': polars, 'pandas': pandas, 'feast_duckdb': feast('duckdb'), 'feast_file': feast('file')}

# What a library prints is not an answer.
answers, sys.stdout = sys.stdout, sys.stderr
for line in sys.stdin:
    question = json.loads(line)
    if question['op'] == 'names':
        answer = [name for name, modules in NAMES.items() if all(importlib.util.find_spec(module) for module in modules)]
        # Loading a library is no part of a join.
        for module in {module for name in answer for module in NAMES[name]}:
            importlib.import_module(module)
    else:
        start = time.perf_counter()
        JOINS[question['name']](question['spine'], question['history'], question['out'])
        answer = time.perf_counter() - start
    print(json.dumps(answer), file=answers, flush=True)
