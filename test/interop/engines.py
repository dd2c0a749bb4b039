"""Drives delta-rs and DuckDB's delta extension for the tests: one JSON command a line in, one answer a line out.

Rows travel as canonical JSON texts: one object a row, keys sorted, integers beyond 2^53-1 and decimals as strings,
instants as RFC 3339 UTC, so that equal rows have equal text whatever engine read them.
"""
import base64
import datetime
import decimal
import json
import math
import os
import sys

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

SAFE = 2**53 - 1


def canonical(value):
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return value if -SAFE <= value <= SAFE else str(value)
    if isinstance(value, float):
        if math.isnan(value):
            return 'NaN'
        if math.isinf(value):
            return 'Infinity' if value > 0 else '-Infinity'
        return int(value) if value.is_integer() and abs(value) <= SAFE else value
    if isinstance(value, decimal.Decimal):
        return str(value)
    if isinstance(value, datetime.datetime):
        moment = value if value.tzinfo is None else value.astimezone(datetime.timezone.utc)
        text = moment.strftime('%Y-%m-%dT%H:%M:%S')
        fraction = f'.{moment.microsecond:06d}'.rstrip('0') if moment.microsecond else ''
        return text + fraction + ('' if value.tzinfo is None else 'Z')
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(bytes(value)).decode()
    if isinstance(value, dict):
        return {str(key): canonical(member) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [canonical(member) for member in value]
    raise TypeError(f'no canonical form of {type(value)}')


def lines(rows):
    return sorted(json.dumps({key: canonical(value) for key, value in row.items()}, sort_keys=True, ensure_ascii=False, separators=(',', ':')) for row in rows)


def deltars_read(path, version=None):
    from deltalake import QueryBuilder
    table = DeltaTable(path, version=version)
    result = pa.table(QueryBuilder().register('t', table).execute('select * from t'))
    return {'rows': lines(result.to_pylist()), 'version': table.version()}


def duckdb_read(path, version=None, extension=None):
    import duckdb
    connection = duckdb.connect(config={'allow_unsigned_extensions': 'true'})
    connection.execute("SET TimeZone='UTC'")
    connection.execute(f"LOAD '{extension}'")
    argument = '' if version is None else f', version={int(version)}'
    table = connection.execute(f"select * from delta_scan('{path}'{argument})").to_arrow_table()
    return {'rows': lines(table.to_pylist())}


def arrow_table(schema, rows):
    types = {'string': pa.string(), 'int': pa.int32(), 'bigint': pa.int64(), 'double': pa.float64(), 'boolean': pa.bool_(), 'timestamp': pa.timestamp('us', tz='UTC')}
    fields = [pa.field(name, types[kind]) for name, kind in schema]

    def convert(kind, value):
        if kind == 'timestamp' and value is not None:
            return datetime.datetime.fromisoformat(value.replace('Z', '+00:00'))
        return value

    columns = [pa.array([convert(kind, row[i]) for row in rows], type=types[kind]) for i, (_, kind) in enumerate(schema)]
    return pa.Table.from_arrays(columns, schema=pa.schema(fields))


def deltars_write(path, schema, rows, mode='append', partition_by=None):
    write_deltalake(path, arrow_table(schema, rows), mode=mode, partition_by=partition_by)
    return {'version': DeltaTable(path).version()}


def deltars_delete(path, predicate):
    table = DeltaTable(path)
    return {'metrics': {key: value for key, value in table.delete(predicate).items() if isinstance(value, int)}, 'version': DeltaTable(path).version()}


def deltars_checkpoint(path):
    DeltaTable(path).create_checkpoint()
    return {'version': DeltaTable(path).version()}


COMMANDS = {name: function for name, function in globals().items() if name.startswith(('deltars_', 'duckdb_'))}

for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = {'ok': COMMANDS[request['op']](**request['arguments'])}
    except Exception as error:  # every fault of an engine is an answer for the test
        answer = {'error': f'{type(error).__name__}: {error}'}
    print(json.dumps(answer), flush=True)

# Native threads of the engines may abort a normal exit after every answer was right.
sys.stdout.flush()
os._exit(0)
