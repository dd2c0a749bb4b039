"""One line of text per row of an Arrow table, equal if and only if the rows are equal (test/support/row-lines.ts writes the same).

boolean true | int 7 | long "7" | double as ECMAScript prints it, "NaN" "Infinity" "-0" | decimal "1.50" | string "x"
binary "00ff" | date "2024-02-29" | timestamp "2024-02-29T01:02:03.000004Z", without zone when it has none
array [..] | map [[key,value],..] sorted by text | struct and row {..} keys sorted | null
"""
import datetime
import json
import math
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

_text = json.JSONEncoder(ensure_ascii=False).encode
_UNITS = {'s': 1, 'ms': 10**3, 'us': 10**6, 'ns': 10**9}


def lines(table, hint=None):
    """`hint`: an Arrow schema that tells maps from lists of pairs, for engines that have no map type."""
    if table.num_columns == 0:
        return ['{}'] * table.num_rows
    hints = {field.name: field.type for field in hint} if hint is not None else {}
    parts = [_chunks(table.column(i), hints.get(name)) for i, name in enumerate(table.column_names)]
    return _objects(table.column_names, parts)


def _chunks(column, hint):
    return [text for chunk in column.chunks for text in _texts(chunk, hint)]


def _objects(names, parts):
    order = sorted(range(len(names)), key=lambda i: names[i])
    heads = [_text(names[i]) + ':' for i in order]
    return ['{' + ','.join(head + value for head, value in zip(heads, row)) + '}' for row in zip(*(parts[i] for i in order))]


def _texts(array, hint=None):
    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        return _texts(array.storage, hint)
    if pa.types.is_dictionary(kind):
        return _texts(array.dictionary_decode(), hint)
    if pa.types.is_null(kind):
        return ['null'] * len(array)
    if pa.types.is_struct(kind):
        return _structs(array, hint)
    if pa.types.is_map(kind):
        return _lists(array, _pairs(array.keys, array.items, hint), unordered=True)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _list_texts(array, hint)
    scalar = _scalar(array)
    return ['null' if value is None else scalar(value) for value in _integers(array).to_pylist()]


def _integers(array):
    """Instants and dates by their counts: Python's own reach only from year 1 to 9999 and to microseconds."""
    kind = array.type
    if pa.types.is_timestamp(kind) or pa.types.is_date64(kind):
        return pc.cast(array, pa.int64())
    return pc.cast(array, pa.int32()) if pa.types.is_date32(kind) else array


def _scalar(array):
    kind = array.type
    if pa.types.is_timestamp(kind):
        return lambda value: _instant(value, _UNITS[kind.unit], 'Z' if kind.tz else '')
    if pa.types.is_date32(kind):
        return lambda value: f'"{_day(value)}"'
    if pa.types.is_date64(kind):
        return lambda value: f'"{_day(value // 86_400_000)}"'
    if pa.types.is_boolean(kind):
        return lambda value: 'true' if value else 'false'
    if pa.types.is_floating(kind):
        return _number
    if pa.types.is_int64(kind) or pa.types.is_uint64(kind):
        return lambda value: f'"{value}"'
    if pa.types.is_integer(kind):
        return str
    if pa.types.is_decimal(kind):
        return lambda value: f'"{value:f}"'
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return _text
    return lambda value: f'"{value.hex()}"'


def _structs(array, hint):
    kind = array.type
    hints = {field.name: field.type for field in hint} if hint is not None and pa.types.is_struct(hint) else {}
    names = [kind.field(i).name for i in range(kind.num_fields)]
    rows = _objects(names, [_texts(array.field(i), hints.get(name)) for i, name in enumerate(names)])
    return [row if valid else 'null' for row, valid in zip(rows, array.is_valid().to_pylist())]


def _list_texts(array, hint):
    values = array.values
    if hint is not None and pa.types.is_map(hint) and pa.types.is_struct(values.type):
        return _lists(array, _pairs(values.field(0), values.field(1), hint), unordered=True)
    inner = hint.value_type if hint is not None and pa.types.is_list(hint) else None
    return _lists(array, _texts(values, inner))


def _pairs(keys, values, hint):
    key_hint, value_hint = (hint.key_type, hint.item_type) if hint is not None and pa.types.is_map(hint) else (None, None)
    return [f'[{key},{value}]' for key, value in zip(_texts(keys, key_hint), _texts(values, value_hint))]


def _lists(array, items, unordered=False):
    offsets, texts = array.offsets.to_pylist(), []
    for i, valid in enumerate(array.is_valid().to_pylist()):
        part = items[offsets[i]:offsets[i + 1]] if valid else None
        texts.append('null' if part is None else '[' + ','.join(sorted(part) if unordered else part) + ']')
    return texts


def _number(x):
    if x != x:
        return '"NaN"'
    if math.isinf(x):
        return '"Infinity"' if x > 0 else '"-Infinity"'
    if x == 0:
        return '"-0"' if math.copysign(1, x) < 0 else '0'
    # Python prints the same shortest digits as ECMAScript and places the point elsewhere.
    sign, digits, exponent = Decimal(repr(x)).as_tuple()
    text = ''.join(map(str, digits)).rstrip('0')
    point = len(digits) + exponent
    return ('-' if sign else '') + _placed(text, point)


def _placed(digits, point):
    if len(digits) <= point <= 21:
        return digits + '0' * (point - len(digits))
    if 0 < point <= 21:
        return digits[:point] + '.' + digits[point:]
    if -6 < point <= 0:
        return '0.' + '0' * -point + digits
    power = point - 1
    return digits[0] + ('.' + digits[1:] if len(digits) > 1 else '') + ('e+' if power >= 0 else 'e-') + str(abs(power))


def _day(days):
    """Proleptic Gregorian, any year (days from civil, run backwards)."""
    era, day_of_era = divmod(days + 719_468, 146_097)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * day_of_year + 2) // 153
    month = shifted + 3 if shifted < 10 else shifted - 9
    year = year_of_era + era * 400 + (month <= 2)
    return f'{year:04d}-{month:02d}-{day_of_year - (153 * shifted + 2) // 5 + 1:02d}'


def _instant(value, per_second, suffix):
    seconds, part = divmod(value, per_second)
    day, second = divmod(seconds, 86_400)
    nanos = part * (10**9 // per_second)
    fraction = f'{nanos // 1000:06d}' if nanos % 1000 == 0 else f'{nanos:09d}'
    return f'"{_day(day)}T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}.{fraction}{suffix}"'


_TYPES = {
    'boolean': pa.bool_(), 'int': pa.int32(), 'bigint': pa.int64(), 'float': pa.float32(), 'double': pa.float64(), 'string': pa.string(),
    'binary': pa.binary(), 'date': pa.date32(), 'timestamp': pa.timestamp('us', 'UTC'), 'timestampNtz': pa.timestamp('us'),
}


def arrow_table(schema, rows):
    """Rows that a test sends: `schema` [[name, type, nullable?]..], values as the lines above write them."""
    fields = [pa.field(field[0], _arrow_type(field[1]), len(field) < 3 or field[2]) for field in schema]
    columns = list(zip(*rows)) if rows else [[] for _ in fields]
    arrays = [pa.array([_value(value, field.type) for value in column], field.type) for column, field in zip(columns, fields)]
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def _arrow_type(name):
    if name.startswith('decimal('):
        precision, scale = name[8:-1].split(',')
        return pa.decimal128(int(precision), int(scale))
    return _TYPES[name]


def _value(value, kind):
    if value is None:
        return None
    if pa.types.is_int64(kind):
        return int(value)
    if pa.types.is_floating(kind):
        return float(value)
    if pa.types.is_decimal(kind):
        return Decimal(value)
    if pa.types.is_binary(kind):
        return bytes.fromhex(value)
    if pa.types.is_date32(kind):
        return datetime.date.fromisoformat(value)
    return datetime.datetime.fromisoformat(value.replace('Z', '+00:00')) if pa.types.is_timestamp(kind) else value
