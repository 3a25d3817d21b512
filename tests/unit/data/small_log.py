"""A small log in files of a few columns, and what is held of it."""

from __future__ import annotations

import collections
import csv
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from churn_mlops import engine
from churn_mlops.data.raw_tables import open_raw
from churn_mlops.params import Params
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
