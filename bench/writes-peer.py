"""delta-rs doing what bench/writes.ts asks for, a line at a time: answers milliseconds, rows or bytes."""
import json
import os
import sys
import time

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

SCHEMA = pa.schema([("k", pa.string()), ("e", pa.timestamp("us", "UTC")), ("v", pa.float64()), ("w", pa.int64()), ("_ingested_at", pa.timestamp("us", "UTC"))])


def rows(spec):
    first, count, step, receipt = spec["first"], spec["count"], spec["step"], spec["receipt"]
    numbers = range(first, first + count * step, step)
    return pa.table(
        [
            pa.array([f"key-{n:09d}" for n in numbers]),
            pa.array([1_750_000_000_000_000 + n for n in numbers], SCHEMA.field("e").type),
            pa.array([n * 0.5 + receipt for n in numbers]),
            pa.array(list(numbers)),
            pa.array([receipt] * count, SCHEMA.field("_ingested_at").type),
        ],
        schema=SCHEMA,
    )


def bytes_under(path):
    return sum(os.path.getsize(os.path.join(folder, name)) for folder, _, names in os.walk(path) for name in names)


def main():
    tables = {}
    for line in sys.stdin:
        ask = json.loads(line)
        path = ask["path"]
        data = rows(ask["rows"]) if "rows" in ask else None
        started = time.perf_counter()
        if ask["do"] == "append":
            write_deltalake(tables.get(path, path), data, mode="append")
        elif ask["do"] == "merge":
            (
                DeltaTable(path)
                .merge(data, "t.k = s.k AND t.e = s.e", source_alias="s", target_alias="t")
                .when_matched_update_all("s._ingested_at >= t._ingested_at")
                .when_not_matched_insert_all()
                .execute()
            )
        millis = (time.perf_counter() - started) * 1000
        if ask["do"] == "open":
            tables[path] = DeltaTable(path)
        answer = {"millis": millis}
        if ask["do"] == "sum":
            table = DeltaTable(path).to_pyarrow_table()
            answer = {"rows": table.num_rows, "sum": float(sum(table.column("v").to_pylist()))}
        if ask["do"] == "bytes":
            answer = {"bytes": bytes_under(path)}
        print(json.dumps(answer), flush=True)


main()
