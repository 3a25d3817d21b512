"""Small portals that are built as a whole or day by day, and all their tables."""

from __future__ import annotations

from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from churn_mlops import engine
from churn_mlops.data import (
    generate_data,
    ingest,
    prepare_dataset,
    prepare_day,
    validate,
    validate_day,
)
from churn_mlops.data.delivery import Delivery
from churn_mlops.data.validate import quarantine_contract
from churn_mlops.features import build_features, features_day
from churn_mlops.features.catalogue import features_contract
from churn_mlops.params import Params
from churn_mlops.summary import Summary
from churn_mlops.tables import contracts, scan
from churn_mlops.training import build_labels, labels_day
from tests.conftest import merge

FIRST = date(2025, 1, 1)
DAY_STEPS = (ingest.run, validate_day.run, prepare_day.run, features_day.run, labels_day.run)
DIRT = {"duplicates": 0.05, "late": 0.15, "unknown_users": 0.03, "impossible_values": 0.06}
SMALL: dict[str, Any] = {
    "tables": {"format": "parquet"},
    "duckdb": {"rows_per_part": 2000},
    "data": {"synthetic": {"users": 60, "days": 14, "dirt": DIRT}},
    "churn": {"window_days": 4, "active_within_days": 6},
    "features": {"windows_days": (2, 5)},
    "validation": {"max_quarantine_share": 1.0},
}


def portal(root: Path, days: int, over: dict[str, Any] | None = None) -> Params:
    """Parameters of a small portal of so many days in a workspace of its own."""
    own = {"paths": {"data": str(root)}, "data": {"synthetic": {"days": days}}}
    return Params.model_validate(merge(merge(merge(Params().model_dump(), SMALL), over or {}), own))


def day(number: int) -> date:
    """The last day of a portal of so many days."""
    return FIRST + timedelta(days=number - 1)


def build(params: Params) -> None:
    """All tables as a whole, from the raw ones."""
    for stage in (validate.run, prepare_dataset.run, build_features.run, build_labels.run):
        stage(params)


def whole(root: Path, days: int, over: dict[str, Any] | None = None) -> Params:
    """A portal that was built as a whole."""
    params = portal(root, days, over)
    generate_data.run(params)
    build(params)
    return params


def live(params: Params, number: int | None = None) -> list[Summary]:
    """Bring in a day (the next one, unless told) and bring all tables on."""
    first = ingest.run(params, None if number is None else day(number))
    with closing(Delivery(params)) as delivery:
        clean = [validate_day.run(params, delivery), prepare_day.run(params, delivery)]
    return [first, *clean, features_day.run(params), labels_day.run(params)]


def tables(params: Params) -> dict[str, pa.Table]:
    """All tables up to labels, sorted."""
    all_of_them = [
        contracts.users(params, "processed"),
        contracts.events(params, "processed"),
        contracts.user_daily(params),
        features_contract(params),
        contracts.labels_daily(params),
        quarantine_contract(contracts.users(params)),
        quarantine_contract(contracts.events(params)),
    ]
    with engine.connect(params) as con:
        found = {}
        for contract in all_of_them:
            table = scan(con, contract, params)
            if contract.folder == "validation":
                table = table.order_by(*contract.names)
            found[contract.name] = con.to_pyarrow(contract.sorted(table))
    quarantined = [name for name in found if name.startswith("quarantine")]
    for name in quarantined:
        columns = found[name].column_names
        found[name] = found[name].sort_by([(column, "ascending") for column in columns])
    return found


def assert_equal(ours: dict[str, pa.Table], theirs: dict[str, pa.Table]) -> None:
    """The same rows in all tables, to the last bit."""
    assert ours.keys() == theirs.keys()
    for name, table in ours.items():
        assert table.num_rows == theirs[name].num_rows, name
        for column in table.column_names:
            assert table[column].equals(theirs[name][column]), (name, column)


def files(root: Path) -> dict[str, bytes]:
    """Every file of a workspace."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }
