"""lakefold.py against a server: each block asserts one promise of the client; prints {"ok": true} at the end."""

import datetime as dt
import decimal
import json
import os

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from lakefold import LakefoldError, Store
import lakefold

UTC = dt.timezone.utc
store = Store(os.environ["LAKEFOLD_ENDPOINT"])

GROUP = {
    "name": "readings", "version": 1, "primaryKey": ["sensor"], "eventTime": "at", "onlineEnabled": True, "maxFutureSkew": None,
    "schema": [
        {"name": "sensor", "type": "bigint"}, {"name": "at", "type": "timestamp"}, {"name": "small", "type": "int", "nullable": True},
        {"name": "value", "type": "double", "nullable": True}, {"name": "single", "type": "float", "nullable": True}, {"name": "label", "type": "string", "nullable": True},
        {"name": "price", "type": "decimal(10,2)", "nullable": True}, {"name": "day", "type": "date", "nullable": True}, {"name": "raw", "type": "binary", "nullable": True},
        {"name": "ok", "type": "boolean", "nullable": True}, {"name": "embedding", "type": "vector(2)", "nullable": True}, {"name": "tags", "type": "array<string>", "nullable": True},
    ],
}
VIEW = {
    "name": "by_sensor", "version": 1, "labelTime": "asked_at", "labels": ["broken"],
    "spine": [{"name": "sensor", "type": "bigint"}, {"name": "asked_at", "type": "timestamp"}, {"name": "broken", "type": "boolean", "nullable": True}],
    "joins": [{"featureGroup": "readings", "version": 1, "features": ["small", "value", "label"]}],
}
store.apply(feature_groups=[GROUP], feature_views=[VIEW])
readings = store.group("readings", 1)
view = store.view("by_sensor", 1)


def refused(call):
    try:
        call()
    except LakefoldError as error:
        return error
    raise AssertionError("expected a refusal")


# Every type, at its edges, survives the way in and out, value for value and null for null.
BIG = 2**53 + 1
T = dt.datetime(2024, 5, 1, 8, 0, 0, 123456, tzinfo=UTC)
full = pa.table({
    "sensor": pa.array([BIG, -(2**63), 7], pa.int64()),
    "at": pa.array([T, T, T], pa.timestamp("us", "UTC")),
    "small": pa.array([2**31 - 1, -(2**31), None], pa.int32()),
    "value": pa.array([float("inf"), -0.0, None], pa.float64()),
    "single": pa.array([0.5, None, 2.0], pa.float32()),
    "label": pa.array(["é😀", "", None]),
    "price": pa.array([decimal.Decimal("12345678.90"), None, decimal.Decimal("-0.01")], pa.decimal128(10, 2)),
    "day": pa.array([dt.date(1969, 12, 31), None, dt.date(9999, 12, 31)], pa.date32()),
    "raw": pa.array([b"\x00\xff", b"", None]),
    "ok": pa.array([True, None, False]),
    "embedding": pa.array([[1.0, 2.0], None, [0.5, -1.0]], pa.list_(pa.float32(), 2)),
    "tags": pa.array([["a", None], [], None]),
})
assert readings.upsert(full)["commit"]["rowsInserted"] == 3
by_sensor = lambda table: table.sort_by("sensor").to_pylist()
assert by_sensor(readings.read()) == by_sensor(full), (by_sensor(readings.read()), by_sensor(full))

# A plain pandas frame: naive nanoseconds, int64, float64, object columns, a category, a named index.
plain = pd.DataFrame({
    "sensor": np.array([1, 2], dtype="int64"),
    "at": pd.to_datetime(["2024-05-01 10:00:00", "2024-05-01 11:00:00"]).astype("datetime64[ns]"),
    "small": np.array([3, 4], dtype="int64"),
    "single": np.array([0.25, np.nan], dtype="float64"),
    "label": pd.Categorical(["x", "y"]),
}).set_index("sensor")
naive = refused(lambda: readings.upsert(plain))
assert (naive.code, naive.status, [(e.row, e.feature, e.code) for e in naive.errors]) == (
    "VALIDATION_FAILED", 422, [(0, "at", "NAIVE_TIMESTAMP"), (1, "at", "NAIVE_TIMESTAMP")]), naive
assert readings.upsert(plain, timezone="Europe/Stockholm")["commit"]["rowsInserted"] == 2
row = readings.read(where={"column": "sensor", "op": "=", "value": 1}).to_pylist()[0]
assert (row["at"], row["small"], row["single"], row["label"]) == (dt.datetime(2024, 5, 1, 8, tzinfo=UTC), 3, 0.25, "x"), row

# Nothing is rounded: a nanosecond, a float64 that no float32 is, an integer too wide.
for column, values, code in (
    ("at", pd.to_datetime([1], unit="ns", utc=True), "TIMESTAMP_PRECISION"),
    ("single", [0.1], "OUT_OF_RANGE"),
    ("small", [2**31], "OUT_OF_RANGE"),
):
    frame = pd.DataFrame({"sensor": [9], "at": pd.to_datetime(["2024-05-01"], utc=True).as_unit("us"), **{column: values}})
    error = refused(lambda: readings.upsert(frame))
    assert [(e.row, e.feature, e.code) for e in error.errors] == [(0, column, code)], error
assert readings.read(where={"column": "sensor", "op": "=", "value": 9}).num_rows == 0

# Polars and lists of dicts, too; and a repeat under its key is one commit.
frame = pl.DataFrame({"sensor": [3, 4], "at": [T, T], "value": [1.5, None], "label": ["p", "q"]})
first = readings.append(frame, idempotency_key="polars-1")["commit"]
again = readings.append(frame, idempotency_key="polars-1")["commit"]
assert (again["version"], again["alreadyApplied"]) == (first["version"], True), again
assert readings.upsert([{"sensor": 5, "at": T, "label": "dict"}])["commit"]["rowsInserted"] == 1

# A batch larger than a request's body is uploaded first.
lakefold.INLINE_BYTES_MAX = 1024
many = pd.DataFrame({"sensor": np.arange(1000, 3000), "at": pd.Timestamp("2024-05-01", tz="UTC"), "value": np.arange(2000.0)})
assert readings.append(many)["commit"]["rowsInserted"] == 2000

# History: as of a version, of an instant; deletes; changes.
version = first["version"]
assert readings.read(as_of=version).num_rows == 7 and readings.read(as_of=1).num_rows == 3
deleted = readings.delete([{"sensor": BIG}])
assert deleted["commit"]["rowsDeleted"] == 1, deleted
changes = readings.changes(after=deleted["commit"]["version"] - 1).to_pylist()
assert [(c["sensor"], c["_change_type"]) for c in changes] == [(BIG, "delete")], changes
assert [commit["operation"] for commit in readings.commits()][:2] == ["delete", "append"]
assert refused(lambda: readings.read(as_of=10_000)).code == "NO_SUCH_COMMIT"

# Vectors: aligned, with statuses, big keys as integers, more entries than one request takes.
vectors = view.vectors([{"sensor": 1}, {"sensor": -(2**63)}, {"sensor": 1}, {"sensor": 404}])
assert [(v["small"], v["label"]) for v in vectors] == [(3, "x"), (-(2**31), ""), (3, "x"), (None, None)], vectors
assert vectors.status == ["COMPLETE", "COMPLETE", "COMPLETE", "MISSING"] or vectors.status[3] == "MISSING", vectors.status
assert vectors.statuses[0]["value"] == "NULL_VALUE" and vectors.statuses[3]["value"] == "NOT_FOUND"
lots = view.vectors(pd.DataFrame({"sensor": np.arange(1000, 2500)}))
assert (len(lots), lots[1499]["value"]) == (1500, 1499.0)
assert view.vector({"sensor": 5})["label"] == "dict"
bad = refused(lambda: view.vectors([{"sensor": 1}, {"sensr": 2}]))
assert bad.code in ("UNKNOWN_ENTRY_KEY", "MISSING_ENTRY_KEY") and bad.status == 400, bad

# Training data from a pandas frame and from Arrow: row for row what was known, split by key, verified.
spine = pd.DataFrame({"sensor": np.repeat(np.arange(1000, 1100), 2), "asked_at": pd.Timestamp("2024-05-02"), "broken": [True, False] * 100})
training = view.training_dataset(spine=spine, split={"train": 0.5, "test": 0.5}, split_by="sensor", seed=3, timezone="UTC")
train, test = training.to_pandas("train"), training.to_pandas("test")
assert len(train) + len(test) == 200 and not set(train["sensor"]) & set(test["sensor"])
assert ((train["value"] + 1000) == train["sensor"]).all() and training.verify()["equal"]
assert view.get_training_dataset(training.number).content_hash == training.content_hash
assert [each.number for each in view.training_datasets()] == [training.number]
before = pa.table({"sensor": [1000], "asked_at": pa.array([dt.datetime(2024, 4, 30, tzinfo=UTC)], pa.timestamp("us", "UTC")), "broken": [None]},
                  schema=pa.schema([("sensor", pa.int64()), ("asked_at", pa.timestamp("us", "UTC")), ("broken", pa.bool_())]))
assert view.training_dataset(before).read().to_pylist()[0]["value"] is None
missing = refused(lambda: view.training_dataset(pd.DataFrame({"sensor": [1]})))
assert missing.code == "INVALID_SPINE" and missing.status == 422, missing

# Rows to predict for.
batch = view.batch(spine=pd.DataFrame({"sensor": [1001, 404]}))
assert [row["value"] for row in batch.to_pylist()] == [1.0, None], batch.to_pylist()

# A server that is not there is an error that says so and may be repeated.
lakefold.ATTEMPTS = 1
away = refused(lambda: Store("http://127.0.0.1:9").feature_groups())
assert (away.code, away.repeatable) == ("STORE_UNAVAILABLE", True)
print(json.dumps({"ok": True}))
