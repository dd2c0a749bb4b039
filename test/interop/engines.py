"""Drives delta-rs, DuckDB's delta extension and Polars for the tests: one JSON command a line in, one answer a line out.

Commands are the functions below whose names begin with an engine's; rows come back as canonical lines (canonical.py).
`storage`: delta-rs's options for S3. `extensions`: the files that DuckDB loads.
"""
import datetime
import decimal
import json
import math
import os
import sys
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
from canonical import arrow_table, lines
from deltalake import CommitProperties, DeltaTable, QueryBuilder, Transaction, WriterProperties, write_deltalake

_EXACT = decimal.Context(prec=38)


def _arrow_schema(path, storage=None):
    return pa.schema(DeltaTable(path, storage_options=storage).schema().to_arrow())


def deltars_read(path, version=None, storage=None):
    table = DeltaTable(path, version=version, storage_options=storage)
    # The SQL path: the dataset path refuses deletion vectors.
    rows = pa.table(QueryBuilder().register('t', table).execute('SELECT * FROM t').read_all())
    return {'rows': lines(rows, pa.schema(table.schema().to_arrow())), 'version': table.version()}


def deltars_changes(path, start=0, end=None, storage=None):
    table = DeltaTable(path, storage_options=storage)
    return {'rows': lines(pa.table(table.load_cdf(starting_version=start, ending_version=end).read_all()).drop_columns(['_commit_timestamp']))}


def deltars_write(path, schema, rows, mode='append', partition_by=None, configuration=None, predicate=None, schema_mode=None, storage=None, txn=None):
    write_deltalake(path, arrow_table(schema, rows), mode=mode, partition_by=partition_by, configuration=configuration, predicate=predicate,
                    schema_mode=schema_mode, storage_options=storage, writer_properties=WriterProperties(compression='ZSTD'), commit_properties=_commit(txn))
    return _head(path, storage)


def deltars_merge(path, schema, rows, keys, delete_when=None, storage=None):
    on = ' AND '.join(f'target.`{key}` = source.`{key}`' for key in keys)
    merger = DeltaTable(path, storage_options=storage).merge(arrow_table(schema, rows), predicate=on, source_alias='source', target_alias='target')
    if delete_when is not None:
        merger = merger.when_matched_delete(delete_when)
    merger.when_matched_update_all().when_not_matched_insert_all().execute()
    return _head(path, storage)


def deltars_delete(path, predicate, storage=None):
    DeltaTable(path, storage_options=storage).delete(predicate)
    return _head(path, storage)


def deltars_update(path, updates, predicate, storage=None):
    DeltaTable(path, storage_options=storage).update(updates=updates, predicate=predicate)
    return _head(path, storage)


def deltars_optimize(path, zorder=None, storage=None):
    optimizer = DeltaTable(path, storage_options=storage).optimize
    optimizer.z_order(zorder) if zorder else optimizer.compact()
    return _head(path, storage)


def deltars_checkpoint(path, storage=None):
    DeltaTable(path, storage_options=storage).create_checkpoint()
    return _head(path, storage)


def deltars_compact_log(path, start, end):
    DeltaTable(path).compact_logs(start, end)
    return _head(path)


def deltars_restore(path, version, storage=None):
    DeltaTable(path, storage_options=storage).restore(version)
    return _head(path, storage)


def deltars_add_constraint(path, constraints):
    DeltaTable(path).alter.add_constraint(constraints)
    return _head(path)


def deltars_vacuum(path, hours=0, full=True):
    """As hard as delta-rs can: everything its own view of the table does not name goes."""
    table = DeltaTable(path)
    return {'files': table.vacuum(hours, dry_run=False, enforce_retention_duration=False, full=full), 'version': table.version()}


def deltars_append_loop(path, writer, commits, rows, storage=None):
    """`commits` appends of `rows` rows (writer, commit, row), as one concurrent writer."""
    schema = [['writer', 'string', False], ['commit', 'int', False], ['row', 'int', False]]
    for commit in range(commits):
        table = arrow_table(schema, [[writer, commit, row] for row in range(rows)])
        write_deltalake(path, table, mode='append', storage_options=storage, commit_properties=CommitProperties(max_commit_retries=200))
    return _head(path, storage)


def duckdb_read(path, version=None, extensions=None, s3=None):
    argument = '' if version is None else f', version => {int(version)}'
    with _duckdb(extensions, s3) as connection:
        return {'rows': lines(connection.execute(f"SELECT * FROM delta_scan('{path}'{argument})").to_arrow_table())}


def duckdb_insert(path, schema, rows, extensions=None, s3=None):
    with _duckdb(extensions, s3) as connection:
        connection.register('new_rows', arrow_table(schema, rows))
        connection.execute(f"ATTACH '{path}' AS target (TYPE delta, READ_WRITE)")
        connection.execute('INSERT INTO target BY NAME SELECT * FROM new_rows')
    return _head(path) if s3 is None else {}


def polars_read(path, version=None, storage=None):
    import polars
    frame = polars.scan_delta(path, version=version, storage_options=storage).collect()
    # Polars has no map type: the table's schema tells a map from a list of pairs.
    return {'rows': lines(frame.to_arrow(), _arrow_schema(path, storage))}


def polars_append(path, schema, rows, storage=None):
    import polars
    polars.from_arrow(arrow_table(schema, rows)).write_delta(path, mode='append', storage_options=storage)
    return _head(path, storage)


def arrow_write(path, count, without=(), options=None):
    """A Parquet file of rows that stumble over encodings: runs, nulls, long and common texts, extremes; and the rows."""
    row = range(count)
    every = lambda n, value: [None if i % n == 0 else value(i) for i in row]
    day = datetime.date(2024, 2, 29)
    at = datetime.datetime(2024, 2, 29, 1, 2, 3, tzinfo=datetime.timezone.utc)
    columns = {
        'id': pa.array(row, pa.int32()),
        'i': pa.array(every(7, lambda i: (-1) ** i * (i * 7919 % 2**31)), pa.int32()),
        'l': pa.array(every(5, lambda i: (-2**63, 2**63 - 1, i, 0)[i % 4]), pa.int64()),
        'f': pa.array(every(6, lambda i: (math.nan, math.inf, -0.0, i / 3)[i % 4]), pa.float32()),
        'd': pa.array(every(6, lambda i: (math.nan, -math.inf, 5e-324, i / 3)[i % 4]), pa.float64()),
        'b': pa.array(every(9, lambda i: i % 97 < 50 or i % 3 == 0), pa.bool_()),
        's': pa.array(every(8, lambda i: f'common {i % 3}' if i < count // 2 else f'é{i}' * (1 + i % 40)), pa.string()),
        'bin': pa.array(every(4, lambda i: bytes([i % 256]) * (i % 5)), pa.binary()),
        'd5': pa.array(every(3, lambda i: Decimal(i % 20000 - 10000) / 100), pa.decimal128(5, 2)),
        'd18': pa.array(every(3, lambda i: Decimal((-1) ** i * (10**18 - 1 - i)) / 10000), pa.decimal128(18, 4)),
        'd38': pa.array(every(3, lambda i: Decimal((-1) ** i * (10**38 - 1 - i)).scaleb(-10, _EXACT)), pa.decimal128(38, 10)),
        'day': pa.array(every(5, lambda i: day + datetime.timedelta(days=i)), pa.date32()),
        'at': pa.array(every(5, lambda i: at + datetime.timedelta(milliseconds=i)), pa.timestamp('us', 'UTC')),
        'local': pa.array(every(5, lambda i: at.replace(tzinfo=None) - datetime.timedelta(milliseconds=i)), pa.timestamp('us')),
        'a': pa.array(every(4, lambda i: [i, None, -i][:i % 4]), pa.list_(pa.int32())),
        'st': pa.array(every(4, lambda i: {'x': None if i % 3 == 0 else i, 'y': [f'y{i % 5}'] * (i % 3)}), pa.struct([('x', pa.int64()), ('y', pa.list_(pa.string()))])),
        'm': pa.array(every(4, lambda i: [(f'k{i % 7}', None if i % 2 == 0 else i / 4)]), pa.map_(pa.string(), pa.float64())),
    }
    table = pa.table({name: column for name, column in columns.items() if name not in without})
    pq.write_table(table, path, **(options or {}))
    return {'rows': lines(table)}


def _head(path, storage=None):
    return {'version': DeltaTable(path, storage_options=storage).version()}


def _commit(txn):
    return CommitProperties(app_transactions=[Transaction(txn['appId'], txn['version'])]) if txn else None


def _duckdb(extensions, s3):
    """A connection a question: a fatal error makes the whole in-process database unusable."""
    import duckdb
    connection = duckdb.connect(config={'allow_unsigned_extensions': 'true', 'threads': 2})
    connection.execute("SET TimeZone='UTC'")
    for file in (extensions or {}).values():
        connection.execute(f"LOAD '{file}'")
    if s3 is not None:
        options = ', '.join(f'{key} {value if isinstance(value, bool) else repr(str(value))}' for key, value in s3.items())
        connection.execute(f'CREATE SECRET s3 (TYPE s3, {options})')
    return connection


COMMANDS = {name: function for name, function in globals().items() if name.startswith(('arrow_', 'deltars_', 'duckdb_', 'polars_'))}

if __name__ == '__main__':
    answers = os.fdopen(os.dup(1), 'w', encoding='utf-8', newline='\n')
    os.dup2(2, 1)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = {'ok': COMMANDS[request['op']](**request['arguments'])}
        except BaseException as error:  # every fault of an engine is an answer for the test; a panic is a BaseException
            answer = {'error': f'{type(error).__name__}: {error}'[:4000]}
        print(json.dumps(answer, ensure_ascii=False), file=answers, flush=True)
    # Native threads of the engines may abort a normal exit after every answer was right.
    os._exit(0)
