"""Eligible users and events of each counted kind per day, read once per file of the table.

A table in Parquet keeps its last days in files of their own. What a file held is remembered in
artifacts/cache/daily_totals.json beside its size and time, so that a day's check reads the
files that are new, not the history.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa

from churn_mlops.engine import Engine
from churn_mlops.features.catalogue import features_contract
from churn_mlops.files import write_json
from churn_mlops.monitoring.day import daily_totals, open_features
from churn_mlops.params import Params
from churn_mlops.registry.meta import Meta
from churn_mlops.tables.folders import day_of, days_of
from churn_mlops.tables.manifest import listed

DAY = "as_of_date"
PARTS = "parts"


def known_totals(con: Engine, meta: Meta, params: Params) -> pa.Table:
    """The totals of all days of user_features_daily, as `daily_totals` gives them.

    Parameters
    ----------
    con : Engine
    meta : Meta
        The champion's.
    params : Params

    Raises
    ------
    ContractError
        The table is not there, or lacks a column that tells whose row it is.
    """
    path = features_contract(params).path(params)
    if not days_of(path):
        return daily_totals(open_features(con, meta, params), params)
    marks: dict[str, list[Any]] = {}
    for name, source in listed(path).items():
        day = day_of(name)
        marks.setdefault(PARTS if day is None else day.isoformat(), []).append(_mark(source))
    place = Path(params.paths.artifacts) / "cache" / "daily_totals.json"
    counted = sorted(params.features.counts)
    known = _read(place, counted)
    if (known.get(PARTS) or {}).get("files") != marks.get(PARTS):
        since, stale = None, set(marks)
    else:
        stale = {name for name, mark in marks.items() if known.get(name, {}).get("files") != mark}
        since = min((date.fromisoformat(name) for name in stale), default=None)
    if stale:
        table = open_features(con, meta, params, since)
        found = _by_name(daily_totals(table, params).to_pylist(), set(marks))
        known = {
            name: {"files": mark, "rows": found[name] if name in found else known[name]["rows"]}
            for name, mark in marks.items()
        }
        write_json(place, {"counted": counted, "totals": known})
    rows = [row for name in marks for row in known[name]["rows"]]
    return _as_table(rows)


def _mark(source: str) -> list[Any]:
    """What changes with a file; an object in a store is never written twice."""
    if "://" in source:
        return [source]
    stat = Path(source).stat()
    return [Path(source).name, stat.st_size, stat.st_mtime_ns]


def _by_name(rows: Iterable[dict[str, Any]], names: set[str]) -> dict[str, list[dict[str, Any]]]:
    """Rows by the files that they are in: a day's own, or the parts."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in sorted(rows, key=lambda row: row[DAY]):
        day = row[DAY].isoformat()
        found.setdefault(day if day in names else PARTS, []).append(row | {DAY: day})
    return found


def _as_table(rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    table = pa.Table.from_pylist(list(rows))
    place = table.schema.get_field_index(DAY)
    return table.set_column(place, DAY, table[DAY].cast(pa.date32()))


def _read(place: Path, counted: list[str]) -> dict[str, Any]:
    """What is remembered; nothing when it is of other columns or cannot be read."""
    try:
        body = json.loads(place.read_text(encoding="utf-8"))
        if body["counted"] == counted and isinstance(body["totals"], dict):
            return dict(body["totals"])
    except (OSError, ValueError, KeyError, TypeError):
        # It can be made anew at any time.
        return {}
    return {}
