"""From flights to a served model: compute features, validate and ingest them, train on what was known, serve, watch for drift.

    python flight_delays.py FLIGHTS.json [ENDPOINT]

FLIGHTS.json is a list of {"date", "delay", "distance", "origin", "destination"}, three months of 2001.
"""

import json
import pathlib
import sys

import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

sys.path.append(str(pathlib.Path(__file__).parent.parent / "python"))
from lakefold import LakefoldError, Store  # noqa: E402

FEATURES = ["origin_flights_24h", "origin_mean_delay_24h", "dest_mean_delay_24h", "is_long_haul"]
#: Before this all is history to train on; after it, the model is in use.
IN_USE = pd.Timestamp("2001-03-01")


def airport_delays(flights: pd.DataFrame) -> pd.DataFrame:
    """For each airport and full hour after a departure: its departures of the 24 hours before, how many and how late."""
    ordered = flights.sort_values("date")
    trailing = ordered.groupby("origin").rolling("24h", on="date")["delay"].agg(["count", "mean"]).reset_index()
    trailing["hour"] = trailing["date"].dt.floor("h") + pd.Timedelta(hours=1)
    newest = trailing.groupby(["origin", "hour"], as_index=False).last()
    return pd.DataFrame({"airport": newest["origin"], "hour": newest["hour"], "flights_24h": newest["count"].astype("int64"), "mean_delay_24h": newest["mean"]})


def main(path: str, endpoint: str = "http://127.0.0.1:6566") -> dict:
    flights = pd.read_json(path)
    store = Store(endpoint)
    group, view = store.group("airport_delays", 1), store.view("delay_model", 1)

    # Ingest. A batch with a row that cannot be is refused as a whole, and says which.
    features = airport_delays(flights)
    history = features[features["hour"] < IN_USE]
    try:
        group.upsert(history.head(5).assign(flights_24h=[3, 1, 0, 2, 2]), timezone="UTC")
        refused = None
    except LakefoldError as error:
        refused = [(fault.row, fault.feature, fault.code) for fault in error.errors]
    committed = group.upsert(history, timezone="UTC")["commit"]

    # Train: each flight with what was known when it was due to leave, the last weeks apart to judge by.
    spine = flights.rename(columns={"destination": "dest", "date": "departs_at"}).assign(late=flights["delay"] > 15)
    spine = spine[(spine["departs_at"] >= "2001-01-08") & (spine["departs_at"] < IN_USE)].drop(columns="delay")
    boundaries = {"train": ["2001-01-08T00:00:00Z", "2001-02-15T00:00:00Z"], "test": ["2001-02-15T00:00:00Z", "2001-03-01T00:00:00Z"]}
    training = view.training_dataset(spine, split={"type": "time", "boundaries": boundaries}, timezone="UTC")
    train, test = training.to_pandas("train").dropna(), training.to_pandas("test").dropna()
    model = LogisticRegression().fit(train[FEATURES].astype(float), train["late"])
    auc = roc_auc_score(test["late"], model.predict_proba(test[FEATURES].astype(float))[:, 1])

    # Serve: the newest features of a route, through the scalers that the training set was fitted with.
    routes = [{"origin": "SFO", "dest": "LAX"}, {"origin": "JFK", "dest": "SFO"}]
    distances = [{"distance": 337}, {"distance": 2586}]
    vectors = view.vectors(routes, request_parameters=distances, training_dataset=training)
    chances = model.predict_proba(vectors.to_pandas()[FEATURES].astype(float))[:, 1]

    # Watch: are the features of March like those the model was made from?
    group.upsert(features[features["hour"] >= IN_USE], timezone="UTC")
    window = lambda start, end: {"basis": "snapshot", "startTime": f"{start}T00:00:00Z", "endTime": f"{end}T00:00:00Z"}  # noqa: E731
    report = group.drift(target=window("2001-03-01", "2001-04-02"), reference=window("2001-01-01", "2001-03-01"), features=["flights_24h", "mean_delay_24h"], metrics=["PSI", "KS"])

    return {
        "refused": refused,
        "ingested": committed["rowsInserted"],
        "rows": {split["name"]: split["rows"] for split in training.manifest["splits"]},
        "auc": round(auc, 3),
        "status": vectors.status,
        "longHaul": [vector["is_long_haul"] for vector in vectors],
        "chances": [round(chance, 3) for chance in chances],
        "drift": {feature["name"]: {"status": feature["status"], **{name: round(value, 3) for name, value in feature["metrics"].items()}} for feature in report["features"]},
        "verified": training.verify()["equal"],
    }


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:]), indent=2))
