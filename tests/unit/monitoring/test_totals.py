from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from churn_mlops import engine
from churn_mlops.features.catalogue import features_contract
from churn_mlops.monitoring.day import daily_totals, open_features
from churn_mlops.monitoring.totals import known_totals
from churn_mlops.params import Params
from churn_mlops.tables import Writer
from churn_mlops.tables.folders import day_file
from tests.trained import bundle
from tests.watched import DAYS, day, log, watched, with_ids

LAST = day(DAYS - 1)


def put(params: Params) -> None:
    """The table as a stage writes it: older days in parts, the last ones in files of their own."""
    contract = features_contract(params)
    with engine.connect(params) as con:
        con.con.register("made_up", with_ids(log()[0], params))
        rows = con.table("made_up")
        with Writer(contract, params, last_day=LAST, fingerprint="x") as out:
            out.append(con, contract.sorted(rows))


@pytest.fixture
def params(tmp_path: Path) -> Params:
    made = watched(tmp_path, tables={"format": "parquet"})
    put(made)
    return made


def totals(params: Params) -> list[dict[str, object]]:
    with engine.connect(params) as con:
        found = known_totals(con, bundle().meta, params)
    return sorted(found.to_pylist(), key=lambda row: str(row["as_of_date"]))


def counted(params: Params) -> list[dict[str, object]]:
    with engine.connect(params) as con:
        table = daily_totals(open_features(con, bundle().meta, params), params)
    return sorted(table.to_pylist(), key=lambda row: str(row["as_of_date"]))


def cache(params: Params) -> Path:
    return Path(params.paths.artifacts) / "cache/daily_totals.json"


def test_what_is_remembered_is_what_is_counted(params: Params) -> None:
    expected = counted(params)
    assert len(expected) == DAYS
    assert totals(params) == expected
    before = cache(params).stat().st_mtime_ns
    assert totals(params) == expected
    assert cache(params).stat().st_mtime_ns == before, "nothing new, nothing written"


def test_only_new_files_are_read(params: Params) -> None:
    totals(params)
    body = json.loads(cache(params).read_text())
    older = day(0).isoformat()
    place = next(row for row in body["totals"]["parts"]["rows"] if row["as_of_date"] == older)
    place["logins_count"] = -1
    cache(params).write_text(json.dumps(body))
    folder = features_contract(params).path(params)
    source, new = folder / day_file(LAST), LAST + timedelta(days=1)
    table = pq.read_table(source)
    at = table.schema.get_field_index("as_of_date")
    pq.write_table(
        table.set_column(at, "as_of_date", pa.array([new] * len(table), pa.date32())),
        folder / day_file(new),
    )
    found = {row["as_of_date"]: row for row in totals(params)}
    assert found[new] == found[LAST] | {"as_of_date": new}
    assert found[date.fromisoformat(older)]["logins_count"] == -1, "remembered, not read"


def test_a_table_that_was_made_anew_is_read_anew(params: Params) -> None:
    totals(params)
    path = cache(params)
    path.write_text(path.read_text().replace('"logins_count": ', '"logins_count": 1'))
    put(params)
    assert totals(params) == counted(params)


@pytest.mark.slow
@pytest.mark.parametrize("content", ["", "[]", '{"counted": [], "totals": {}}'])
def test_a_damaged_memory_is_no_harm(params: Params, content: str) -> None:
    cache(params).parent.mkdir(parents=True, exist_ok=True)
    cache(params).write_text(content)
    assert totals(params) == counted(params)
    assert json.loads(cache(params).read_text())["counted"]
