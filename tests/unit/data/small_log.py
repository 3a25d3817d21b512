"""A small log in files of a few columns, and what is held of it."""

from __future__ import annotations

import collections
import csv
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow.csv
import pyarrow.parquet

from churn_mlops import engine
from churn_mlops.data import generate_data, growing, ingest, prepare_dataset, validate
from churn_mlops.data.prepare_dataset import daily_fingerprint
from churn_mlops.data.raw_tables import open_raw
from churn_mlops.params import Params
from churn_mlops.tables import contracts
from churn_mlops.tables.growth import Growth
from tests.conftest import merge

FIRST = date(2025, 1, 1)
EVENTS = ["event_id", "user_id", "event_time", "event_type", "amount"]
USERS = ["user_id", "signup_date", "plan"]
OVER: dict[str, Any] = {
    "data": {"source": "files", "measures": {"amount": {"min": 0}}, "event_types": ("buy", "see")},
    "churn": {"active_events": ("buy",)},
    "validation": {"required": {}},
    "features": {
        "counts": {},
        "sums": {},
        "means": {},
        "ratios": {},
        "static": {"plan": "categorical"},
    },
}


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def make(root: Path, format_: str, over: dict[str, Any]) -> Params:
    tree = merge(merge(Params().model_dump(), OVER), over)
    tree["features"] |= OVER["features"]
    tree["data"]["measures"] = OVER["data"]["measures"]
    tree["validation"]["required"] = {}
    own = {"paths": {"data": str(root / "data")}, "tables": {"format": format_}}
    return Params.model_validate(merge(tree, own))


def held(params: Params) -> dict[str, collections.Counter[tuple[str, ...]]]:
    """The raw tables as multisets of texts."""
    with engine.connect(params) as con:
        raw = open_raw(con, params)
        found = {}
        for name, columns in (("users", USERS), ("events", EVENTS)):
            rows = con.to_pyarrow(getattr(raw, name).select(*columns)).to_pylist()
            found[name] = collections.Counter(
                tuple("" if value is None else str(value) for value in row.values()) for row in rows
            )
    return found


def files(root: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def write(path: Path, header: list[str], rows: list[list[str]]) -> None:
    path.parent.mkdir(exist_ok=True)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def event(number: int, on: int | None, kind: str = "buy", user: int = 1) -> list[str]:
    """An event of a day, or of none."""
    time = "" if on is None else f"{day(on)} 10:00:00"
    return [str(number), str(user), time, kind, "1.5"]


class GrowingLog:
    """A log of one user in the working directory, in files of either kind, a file a delivery.

    The days of the `history` are read and built as a whole; on day `n` event `n` happens. Late rows
    may be two days late.
    """

    HISTORY = 8

    def __init__(self, kind: str, **over: Any) -> None:
        self.kind = kind
        place = {name: f"in/{name}-*" for name in ("users", "events")}
        tree = {"data": {"files": place, "end_date": str(day(self.HISTORY - 1)), "late_days": 2}}
        small = {"churn": {"window_days": 2}, "features": {"windows_days": (2, 3)}}
        format_ = over.get("tables", {}).get("format", "parquet")
        self.params = make(Path(), format_, merge(merge(tree, small), over))

    def history(self, *more: list[str]) -> None:
        """Build the first days as a whole, with more events than one a day if told."""
        events = [*(event(n, n) for n in range(self.HISTORY)), *more]
        self.export(0, events, [["1", f"{day(0)}", "pro"]])
        for stage in (generate_data.run, validate.run, prepare_dataset.run):
            stage(self.params)

    def export(self, number: int, events: list[list[str]], users: list[list[str]]) -> None:
        """Let the source write files."""
        for name, header, rows in (("events", EVENTS, events), ("users", USERS, users)):
            if not rows:
                continue
            path = Path(f"in/{name}-{number}.csv")
            write(path, header, rows)
            if self.kind == "parquet":
                pyarrow.parquet.write_table(
                    pyarrow.csv.read_csv(path), path.with_suffix(".parquet")
                )
                path.unlink()

    def deliver(self, number: int, *rows: list[str], users: tuple[list[str], ...] = ()) -> None:
        """Bring in a day."""
        self.export(number, list(rows), list(users))
        ingest.run(self.params, day(number))

    def growth(self) -> Growth:
        """The days that the daily steps work on."""
        contract, sign = contracts.user_daily(self.params), daily_fingerprint(self.params)
        found = growing.growth(contract, self.params, sign)
        assert isinstance(found, Growth), found
        return found
