"""Lakefold from Python: frames in, frames out, errors with their row and feature. One file, on pyarrow and the standard library.

    store = Store("http://127.0.0.1:6566")
    store.group("customer_stats", 1).upsert(frame, timezone="UTC")
    training = store.view("basket_risk", 1).training_dataset(spine=labels, split={"train": 0.8, "test": 0.2}, seed=7)
    model.fit(training.to_pandas("train"))
    store.view("basket_risk", 1).vectors([{"customer": "ada"}])

Frames are pandas or Polars data frames, Arrow tables, or lists of dicts. They travel as Arrow: integers of any width, categories and
nanoseconds are taken wherever the value fits the column, and nothing is rounded silently. Timestamps without a zone are refused
unless `timezone` says which one they are in. Answers are Arrow tables: `.to_pandas()` or `polars.from_arrow(...)` from there.

Every write carries an idempotency key, so a call that a lost answer or a restarting server interrupts is repeated safely.
"""

from __future__ import annotations

import base64
import datetime
import decimal
import json
import math
import random
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import pyarrow as pa
import pyarrow.compute

__all__ = ["FeatureGroup", "FeatureView", "LakefoldError", "RowError", "Store", "TrainingDataset", "Vectors"]

ARROW_STREAM = "application/vnd.apache.arrow.stream"
JSON = "application/json"
#: Rows of up to this many bytes are sent in the request itself, larger ones are uploaded first.
INLINE_BYTES_MAX = 4 * 1024 * 1024
#: Entries of one lookup request; more are asked for in turn.
ENTRIES_PER_REQUEST = 1000
#: Tries of one call, and the first and the longest pause between them in seconds.
ATTEMPTS = 5
PAUSE_SECONDS = 0.1
PAUSE_SECONDS_MAX = 5.0
SAFE_INTEGER_MAX = 2**53 - 1

Frame = Any
"""A pandas or Polars data frame, an Arrow table or record batch, or a list of dicts."""
Instant = datetime.datetime | str
"""An instant: a datetime with a time zone, or RFC 3339 text with an offset."""


@dataclass(frozen=True)
class RowError:
    """One fault of one request: which row (from 0), feature, entry or field, and what was expected of it."""

    code: str
    message: str
    row: int | None = None
    feature: str | None = None
    entry: int | None = None
    field: str | None = None
    expected: str | None = None
    found: str | None = None


class LakefoldError(Exception):
    """What the service refused or could not do. `code` is stable, `repeatable` tells whether the same call may succeed later.

    With HTTP status 4xx nothing was changed; with 5xx the outcome is not known, and repeating with the same key is safe.
    """

    def __init__(self, problem: Mapping[str, Any], status: int) -> None:
        self.code: str = problem.get("code", "INTERNAL")
        self.status = status
        self.detail: str = problem.get("detail", "")
        self.repeatable: bool = problem.get("repeatable", status >= 500)
        self.request_id: str | None = problem.get("requestId")
        self.error_count: int = problem.get("errorCount", 0)
        known = RowError.__dataclass_fields__
        self.errors = [RowError(**{name: value for name, value in error.items() if name in known}) for error in problem.get("errors", [])]
        self.problem = dict(problem)
        shown = "".join(f"\n  {_place(error)}{error.code}: {error.message}" for error in self.errors[:10])
        more = f"\n  and {self.error_count - 10} more" if self.error_count > 10 else ""
        super().__init__(f"{self.code} ({status}): {self.detail}{shown}{more}")


def _place(error: RowError) -> str:
    parts = [f"{name} {value} " for name, value in (("row", error.row), ("entry", error.entry), ("feature", error.feature)) if value is not None]
    return "".join(parts)


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    def table(self) -> pa.Table:
        with pa.ipc.open_stream(self.body) as reader:
            return reader.read_all()


class Store:
    """A project of a Lakefold service, `lakefold serve` on this machine or a deployment."""

    def __init__(self, endpoint: str, project: str = "default", *, api_key: str | None = None, timeout: float = 900.0) -> None:
        self.endpoint = endpoint.rstrip("/")
        self.project = project
        self._api_key = api_key
        self._timeout = timeout

    def group(self, name: str, version: int) -> FeatureGroup:
        return FeatureGroup(self, name, version)

    def view(self, name: str, version: int) -> FeatureView:
        return FeatureView(self, name, version)

    def feature_groups(self) -> list[dict[str, Any]]:
        return list(self._items("/feature-groups"))

    def feature_views(self) -> list[dict[str, Any]]:
        return list(self._items("/feature-views"))

    def apply(self, *, feature_groups: Sequence[Mapping[str, Any]] = (), feature_views: Sequence[Mapping[str, Any]] = (), rewrite: bool = False) -> dict[str, Any]:
        """Registers definitions in their JSON form, all or none; groups and views that stand as given stay as they are."""
        plan = self._post("/definitions:plan", {"featureGroups": list(feature_groups), "featureViews": list(feature_views)}).json()
        return self._post("/definitions:apply", {"planId": plan["planId"], "rewrite": rewrite}).json()

    def search(self, text: str, *, type: str | None = None, tag: str | None = None, owner: str | None = None) -> list[dict[str, Any]]:
        return list(self._items("/search", q=text, type=type, tag=tag, owner=owner))

    # -- how requests travel

    def _items(self, path: str, **query: Any) -> Iterator[dict[str, Any]]:
        cursor: str | None = None
        while True:
            page = self._send("GET", path, query={**query, "cursor": cursor}).json()
            yield from page["items"]
            cursor = page.get("nextCursor")
            if cursor is None:
                return

    def _post(self, path: str, body: Any, *, accept: str = JSON, query: Mapping[str, Any] | None = None, key: str | None = None) -> _Answer:
        text = json.dumps(_to_json(body), allow_nan=False, ensure_ascii=False)
        return self._send("POST", path, body=text.encode(), content_type=JSON, accept=accept, query=query, key=key)

    def _send(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        content_type: str | None = None,
        accept: str = JSON,
        query: Mapping[str, Any] | None = None,
        key: str | None = None,
    ) -> _Answer:
        asked = {name: _query_value(value) for name, value in (query or {}).items() if value is not None}
        url = path if path.startswith("http") else f"{self.endpoint}/v1/projects/{self.project}{path}"
        if asked:
            url += "?" + urllib.parse.urlencode(asked)
        headers = {"accept": accept}
        if content_type is not None:
            headers["content-type"] = content_type
        if key is not None:
            headers["idempotency-key"] = key
        if self._api_key is not None:
            headers["x-api-key"] = self._api_key
        return self._try(lambda: urllib.request.Request(url, data=body, headers=headers, method=method))

    def _try(self, request: Any) -> _Answer:
        pause = PAUSE_SECONDS
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with urllib.request.urlopen(request(), timeout=self._timeout) as response:
                    return _Answer(response.status, response.headers, response.read())
            except urllib.error.HTTPError as error:
                problem = _problem(error)
                if attempt == ATTEMPTS or not problem.repeatable:
                    raise problem from None
                pause = _retry_after(error, pause)
            except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
                if attempt == ATTEMPTS:
                    detail = f"expected an answer from {self.endpoint}, found {error}"
                    raise LakefoldError({"code": "STORE_UNAVAILABLE", "detail": detail, "repeatable": True}, 503) from error
            time.sleep(pause * (0.5 + random.random() / 2))
            pause = min(pause * 2, PAUSE_SECONDS_MAX)
        raise AssertionError("unreachable")

    def _upload(self, data: bytes, content_type: str) -> str:
        upload = self._post("/uploads", {"bytes": len(data), "contentType": content_type}).json()
        url = urllib.parse.urljoin(self.endpoint + "/", upload["url"])
        self._send(upload["method"], url, body=data, content_type=upload["headers"].get("content-type", content_type))
        return upload["uploadId"]


def _problem(error: urllib.error.HTTPError) -> LakefoldError:
    body = error.read()
    try:
        problem = json.loads(body)
    except ValueError:
        problem = None
    if not isinstance(problem, dict):
        problem = {"detail": body.decode(errors="replace")[:500]}
    return LakefoldError(problem, error.code)


def _retry_after(error: urllib.error.HTTPError, pause: float) -> float:
    asked = error.headers.get("retry-after", "")
    return max(pause, min(float(asked), PAUSE_SECONDS_MAX)) if asked.isdigit() else pause


class FeatureGroup:
    """A feature group at one version."""

    def __init__(self, store: Store, name: str, version: int) -> None:
        self._store = store
        self.name = name
        self.version = version
        self._path = f"/feature-groups/{name}/versions/{version}"

    def describe(self) -> dict[str, Any]:
        return self._store._send("GET", self._path).json()

    def upsert(self, rows: Frame, *, timezone: str | None = None, idempotency_key: str | None = None, wait: str | None = None, ignore_unknown: bool = False) -> dict[str, Any]:
        """Keeps one row per key and event time, the one received last. Answers the receipt.

        :param timezone: of timestamps that have none, an IANA name such as ``UTC``; without it they are refused.
        :param wait: ``commit`` or ``online``: what the answer waits for (default: online where the group is).
        :raises LakefoldError: ``VALIDATION_FAILED`` with row and feature of each fault, and nothing written.
        """
        return self._ingest("upsert", rows, timezone=timezone, key=idempotency_key, wait=wait, ignoreUnknown=ignore_unknown)

    def append(self, rows: Frame, *, timezone: str | None = None, idempotency_key: str | None = None, wait: str | None = None, ignore_unknown: bool = False) -> dict[str, Any]:
        """Keeps every row. Otherwise as `upsert`."""
        return self._ingest("append", rows, timezone=timezone, key=idempotency_key, wait=wait, ignoreUnknown=ignore_unknown)

    def overwrite(
        self, rows: Frame, *, timezone: str | None = None, idempotency_key: str | None = None, wait: str | None = None, ignore_unknown: bool = False, allow_empty: bool = False
    ) -> dict[str, Any]:
        """Replaces all rows in one commit. Otherwise as `upsert`."""
        return self._ingest("overwrite", rows, timezone=timezone, key=idempotency_key, wait=wait, ignoreUnknown=ignore_unknown, allowEmpty=allow_empty)

    def validate(self, rows: Frame, *, timezone: str | None = None) -> dict[str, Any]:
        """What the group's expectations say of the rows; nothing is written."""
        answer = self._store._send("POST", f"{self._path}:validate", body=_stream(_table(rows, timezone)), content_type=ARROW_STREAM)
        return answer.json()

    def delete(self, keys: Frame | None = None, *, where: Mapping[str, Any] | None = None, idempotency_key: str | None = None, wait: str | None = None) -> dict[str, Any]:
        """Removes entities by key, records by key and event time, or whatever a filter matches."""
        if (keys is None) == (where is None):
            raise ValueError("expected either keys or where")
        body = {"where": where} if keys is None else {"keys": _records(keys)}
        return self._store._post(f"{self._path}/rows:delete", body, query={"wait": wait}, key=idempotency_key or str(uuid.uuid4())).json()

    def read(
        self,
        *,
        as_of: int | Instant | None = None,
        start: Instant | None = None,
        end: Instant | None = None,
        features: Sequence[str] | None = None,
        where: Mapping[str, Any] | None = None,
        limit: int | None = None,
    ) -> pa.Table:
        """The rows now or as of a version or an instant, event times in ``[start, end)``."""
        body = {"asOf": _as_of(as_of), "startTime": start, "endTime": end, "features": features, "where": where, "limit": limit}
        return self._store._post(f"{self._path}/read", _given(body), accept=ARROW_STREAM).table()

    def changes(self, *, after: int | None = None, to: int | None = None) -> pa.Table:
        """What the commits after one version up to another did to the rows, with Delta's ``_change_type`` columns."""
        return self._store._post(f"{self._path}/changes", _given({"fromVersion": after, "toVersion": to}), accept=ARROW_STREAM).table()

    def commits(self) -> Iterator[dict[str, Any]]:
        """Newest first."""
        return self._store._items(f"{self._path}/commits")

    def restore(self, version: int) -> dict[str, Any]:
        """The rows of an earlier version as a new commit."""
        return self._store._post(f"{self._path}:restore", {"toVersion": version}, key=str(uuid.uuid4())).json()

    def statistics(self, **query: Any) -> dict[str, Any]:
        """``basis="commits"`` with ``from`` and ``to``, or ``basis="snapshot"`` with ``version``, ``startTime``, ``endTime``."""
        return self._store._send("GET", f"{self._path}/statistics", query=query).json()

    def drift(
        self,
        target: Mapping[str, Any],
        reference: Mapping[str, Any],
        *,
        features: Sequence[str] | None = None,
        metrics: Sequence[str] | None = None,
        thresholds: Mapping[str, float] | None = None,
    ) -> dict[str, Any]:
        """How far the distribution of each feature is from that of the reference.

        A sample is ``{"basis": "snapshot", "version", "startTime", "endTime"}``, ``{"basis": "commits", "from", "to"}`` or
        ``{"featureView": {"name", "version"}, "trainingDataset", "split"}``.
        """
        body = {"target": target, "reference": reference, "features": features, "metrics": metrics, "thresholds": thresholds}
        return self._store._post(f"{self._path}/drift", _given(body)).json()

    def _ingest(self, operation: str, rows: Frame, *, timezone: str | None, key: str | None, wait: str | None, **options: bool) -> dict[str, Any]:
        data = _stream(_table(rows, timezone))
        query = {"operation": operation, "wait": wait, **{name: value or None for name, value in options.items()}}
        send = {"query": query, "key": key or str(uuid.uuid4())}
        path = f"{self._path}/rows"
        upload_id = None if len(data) <= INLINE_BYTES_MAX else _uploaded(self._store, data)
        if upload_id is None:
            return self._store._send("POST", path, body=data, content_type=ARROW_STREAM, **send).json()
        return self._store._post(path, {"source": {"uploadId": upload_id}, "format": "arrow"}, **send).json()


@dataclass(frozen=True)
class Vectors:
    """Feature vectors in the order of their entries."""

    #: One dict of feature values by name for each entry.
    features: list[dict[str, Any]]
    #: ``COMPLETE``, ``MISSING`` or ``ERROR`` for each entry.
    status: list[str]
    #: The status of each feature by name for each entry: ``PRESENT``, ``NULL_VALUE``, ``NOT_FOUND``, ``EXPIRED``, …
    statuses: list[dict[str, str]]
    names: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.features)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.features)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.features[index]

    def to_arrow(self) -> pa.Table:
        return pa.table({name: [row[name] for row in self.features] for name in self.names})

    def to_pandas(self) -> Any:
        return self.to_arrow().to_pandas()


class FeatureView:
    """A feature view at one version."""

    def __init__(self, store: Store, name: str, version: int) -> None:
        self._store = store
        self.name = name
        self.version = version
        self._path = f"/feature-views/{name}/versions/{version}"

    def describe(self) -> dict[str, Any]:
        return self._store._send("GET", self._path).json()

    def vectors(
        self,
        entries: Frame,
        *,
        request_parameters: Frame | Mapping[str, Any] | None = None,
        passed_features: Frame | None = None,
        training_dataset: int | TrainingDataset | None = None,
        allow_missing: bool = True,
        consistent: bool = False,
        min_versions: Mapping[str, int] | None = None,
        wait_ms: int | None = None,
    ) -> Vectors:
        """The newest feature values of each entry, aligned with `entries`.

        :param request_parameters: inputs of on-demand functions: one dict for all entries, or one for each.
        :param training_dataset: apply the transformations fitted on it.
        """
        keys = _records(entries)
        parameters = request_parameters if isinstance(request_parameters, Mapping) or request_parameters is None else _records(request_parameters)
        passed = None if passed_features is None else _records(passed_features)
        number = training_dataset.number if isinstance(training_dataset, TrainingDataset) else training_dataset
        options = {
            "allowMissing": None if allow_missing else False,
            "trainingDataset": number,
            "consistent": consistent or None,
            "minVersions": min_versions,
            "waitMs": wait_ms,
        }
        result = Vectors([], [], [])
        for start in range(0, len(keys), ENTRIES_PER_REQUEST):
            part = slice(start, start + ENTRIES_PER_REQUEST)
            body = {
                "entries": keys[part],
                "requestParameters": parameters[part] if isinstance(parameters, list) else parameters,
                "passedFeatures": None if passed is None else passed[part],
                "options": _given(options),
                "metadata": {"names": True, "statuses": True},
            }
            answer = self._store._post(f"{self._path}/vectors", _given(body)).json()
            names = [feature["name"] for feature in answer["metadata"]["features"]]
            result.names[:] = names
            result.features.extend(dict(zip(names, row)) for row in answer["features"])
            result.status.extend(answer["status"])
            result.statuses.extend(dict(zip(names, row)) for row in answer["metadata"]["statuses"])
        return result

    def vector(self, entry: Mapping[str, Any], *, request_parameters: Mapping[str, Any] | None = None, **options: Any) -> dict[str, Any]:
        """The newest feature values of one entry by name. Options as `vectors` takes them."""
        return self.vectors([dict(entry)], request_parameters=request_parameters, **options)[0]

    def training_dataset(
        self,
        spine: Frame | None = None,
        *,
        split: Mapping[str, Any] | None = None,
        split_by: str | None = None,
        seed: int | None = None,
        label_time: str | None = None,
        known_as_of: Instant | None = None,
        as_of: Instant | None = None,
        start: Instant | None = None,
        end: Instant | None = None,
        pins: Mapping[str, int] | None = None,
        where: Mapping[str, Any] | None = None,
        drop_missing: bool = False,
        diagnostics: bool = False,
        transform: bool = True,
        timezone: str | None = None,
        description: str | None = None,
    ) -> TrainingDataset:
        """Point-in-time correct rows for `spine` (without one, the view's root over ``[start, end)``), pinned, hashed and stored.

        :param split: fractions by name, such as ``{"train": 0.8, "test": 0.2}``, or the whole split of the service's API.
        :param split_by: a key column: all rows of one key go into the same part.
        :param known_as_of: an instant, or ``"labelTime"``: only what had been received by then counts.
        """
        body = {
            "spine": None if spine is None else self._spine(_table(spine, timezone)),
            "split": _split(split, split_by, seed),
            "labelTime": label_time,
            "knownAsOf": known_as_of,
            "asOfTime": as_of,
            "startTime": start,
            "endTime": end,
            "pins": pins,
            "where": where,
            "dropMissing": drop_missing or None,
            "diagnostics": diagnostics or None,
            "transform": None if transform else False,
            "description": description,
        }
        answer = self._store._post(f"{self._path}/training-datasets", _given(body), query={"wait": 600})
        return TrainingDataset(self, answer.json() if answer.status == 201 else self._wait(answer.json()["job"]))

    def get_training_dataset(self, number: int) -> TrainingDataset:
        return TrainingDataset(self, self._store._send("GET", f"{self._path}/training-datasets/{number}").json())

    def training_datasets(self) -> Iterator[TrainingDataset]:
        return (TrainingDataset(self, manifest) for manifest in self._store._items(f"{self._path}/training-datasets"))

    def batch(
        self,
        start: Instant | None = None,
        end: Instant | None = None,
        *,
        spine: Frame | None = None,
        training_dataset: int | TrainingDataset | None = None,
        as_of: Instant | None = None,
        pins: Mapping[str, int] | None = None,
        timezone: str | None = None,
    ) -> pa.Table:
        """Features of many rows to predict for: those of `spine`, or of the view's root over ``[start, end)``."""
        number = training_dataset.number if isinstance(training_dataset, TrainingDataset) else training_dataset
        body = {
            "startTime": start,
            "endTime": end,
            "spine": None if spine is None else self._spine(_table(spine, timezone)),
            "trainingDataset": number,
            "asOfTime": as_of,
            "pins": pins,
        }
        return self._store._post(f"{self._path}/batch-data", _given(body), accept=ARROW_STREAM).table()

    def _spine(self, table: pa.Table) -> dict[str, Any]:
        upload_id = _uploaded(self._store, _stream(table))
        if upload_id is None:
            return {"rows": table.to_pylist()}
        return {"source": {"uploadId": upload_id}, "format": "arrow"}

    def _wait(self, job: Mapping[str, Any]) -> dict[str, Any]:
        state = dict(job)
        while state["state"] in ("QUEUED", "RUNNING"):
            time.sleep(1)
            state = self._store._send("GET", f"/jobs/{state['id']}").json()
        if state["state"] != "SUCCEEDED":
            raise LakefoldError(state["error"] or {"code": "INTERNAL", "detail": f"job {state['id']} {state['state']}"}, 500)
        return state["result"]


class TrainingDataset:
    """A training set that never changes: its commits are pinned, its content hashed."""

    def __init__(self, view: FeatureView, manifest: Mapping[str, Any]) -> None:
        self._view = view
        self.manifest = dict(manifest)
        self.number: int = manifest["trainingDataset"]
        self.content_hash: str = manifest["contentHash"]

    @property
    def splits(self) -> list[str]:
        return [split["name"] for split in self.manifest["splits"]]

    def read(self, split: str | None = None) -> pa.Table:
        """The rows of one split; of a set that is not split, all of them."""
        if split is None and len(self.splits) > 1:
            raise ValueError(f"expected one of the splits {', '.join(self.splits)}")
        path = f"{self._view._path}/training-datasets/{self.number}/data"
        return self._view._store._send("GET", path, query={"split": split}, accept=ARROW_STREAM).table()

    def to_pandas(self, split: str | None = None) -> Any:
        return self.read(split).to_pandas()

    def verify(self) -> dict[str, Any]:
        """Builds the set again from its pins: ``{"equal": …, "reason": …}``."""
        return self._view._store._post(f"{self._view._path}/training-datasets/{self.number}:verify", {}).json()


# -- frames


def _table(rows: Frame, timezone: str | None) -> pa.Table:
    table = _arrow(rows)
    if timezone is None:
        return table
    for i, column in enumerate(table.schema):
        if pa.types.is_timestamp(column.type) and column.type.tz is None:
            table = table.set_column(i, column.name, pa.compute.assume_timezone(table.column(i), timezone))
    return table


def _arrow(rows: Frame) -> pa.Table:
    if isinstance(rows, pa.Table):
        return rows
    if isinstance(rows, pa.RecordBatch):
        return pa.Table.from_batches([rows])
    if isinstance(rows, list):
        return pa.Table.from_pylist(rows)
    if type(rows).__module__.partition(".")[0] == "pandas":
        # An index somebody named is a column; the counter that pandas adds is none.
        named = [name for name in rows.index.names if name is not None]
        return pa.Table.from_pandas(rows.reset_index() if named else rows, preserve_index=False)
    if hasattr(rows, "to_arrow"):
        return rows.to_arrow()
    if hasattr(rows, "__arrow_c_stream__"):
        return pa.table(rows)
    raise TypeError(f"expected a data frame, an Arrow table or a list of dicts, found {type(rows).__name__}")


def _stream(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def _records(rows: Frame) -> list[dict[str, Any]]:
    return rows if isinstance(rows, list) else _arrow(rows).to_pylist()


def _uploaded(store: Store, data: bytes) -> str | None:
    """The id of an upload; None where the service takes none."""
    try:
        return store._upload(data, ARROW_STREAM)
    except LakefoldError as error:
        if error.code != "UNSUPPORTED_OPERATION":
            raise
        return None


# -- JSON


def _given(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _as_of(as_of: int | Instant | None) -> dict[str, Any] | None:
    if as_of is None:
        return None
    return {"version": as_of} if isinstance(as_of, int) else {"instant": as_of}


def _split(split: Mapping[str, Any] | None, by: str | None, seed: int | None) -> Mapping[str, Any] | None:
    if split is None:
        if by is not None or seed is not None:
            raise ValueError("expected split with split_by and seed")
        return None
    if "type" in split:
        return split
    return _given({"type": "random", "fractions": split, "by": by, "seed": 0 if seed is None else seed})


def _query_value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    shown = _to_json(value)
    return shown if isinstance(shown, str) else json.dumps(shown)


def _to_json(value: Any) -> Any:
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, Mapping):
        return {name: _to_json(member) for name, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [_to_json(item) for item in value]
    if isinstance(value, int):
        return value if abs(value) <= SAFE_INTEGER_MAX else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, datetime.datetime):
        if value.tzinfo is None:
            raise ValueError(f"expected a datetime with a time zone, found {value!r}")
        return value.isoformat()
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if hasattr(value, "item"):
        return _to_json(value.item())
    _refuse(value)


def _refuse(value: Any) -> NoReturn:
    raise TypeError(f"expected a value that JSON has, found {type(value).__name__}")
