from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_mlops.api.intake import LARGEST
from churn_mlops.api.prediction_file import Logged, table_of, tidy, write
from churn_mlops.api.served import Served
from tests.conftest import examples
from tests.system_calls import Call, record
from tests.trained import bundle

SERVED = Served(bundle("baseline"), 3, 100)
FACTS = SERVED.bundle.meta.features
values = {
    "numeric": st.one_of(st.none(), st.floats(-LARGEST, LARGEST)),
    "categorical": st.one_of(st.none(), st.text(max_size=20)),
}
predictions = st.builds(
    Logged,
    served=st.just(SERVED),
    request_id=st.text(max_size=10),
    asked_at=st.integers(0, 4_000_000_000_000).map(lambda ms: ms / 1000),
    user_id=st.one_of(st.integers(-(2**63), 2**63 - 1), st.text(max_size=10)),
    snapshot_date=st.one_of(st.none(), st.dates()),
    churn_risk=st.floats(0, 1),
    features=st.fixed_dictionaries({}, optional={f.name: values[f.kind] for f in FACTS}),
)


def logged(number: int = 0) -> Logged:
    row, risk = SERVED.bundle.golden[number]
    return Logged(SERVED, f"r-{number}", 0.0, number, date(2025, 4, 30), risk, row)


@settings(max_examples=examples(50))
@given(st.lists(predictions, min_size=1, max_size=12))
def test_a_table_says_what_was_asked(rows: list[Logged]) -> None:
    table = table_of(rows)
    table.validate(full=True)
    for found, row in zip(table.to_pylist(), rows, strict=True):
        assert found["request_id"] == row.request_id
        assert abs(found["asked_at"].timestamp() - row.asked_at) <= 0.001
        assert found["user_id"] == str(row.user_id)
        assert found["snapshot_date"] == row.snapshot_date
        assert found["churn_risk"] == row.churn_risk
        assert found["model_version"] == SERVED.version
        assert {n: found[n] for n in SERVED.names} == {n: row.features.get(n) for n in SERVED.names}


def test_tables_become_one_file_that_is_there_whole(tmp_path: Path) -> None:
    parts = [table_of([logged(n)]) for n in range(3)]
    path = write(parts, tmp_path / "new", "w", 7)
    assert path.name.endswith("-w-000007.parquet")
    assert list(path.parent.iterdir()) == [path]
    assert pq.read_table(path).equals(pa.concat_tables(parts))
    assert pq.read_metadata(path).num_row_groups == 1


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path, monkeypatch: Any) -> None:
    # A folder in the place of the file: the last step fails, after all rows were written.
    monkeypatch.setattr("time.time", lambda: 0.0)
    path = write([table_of([logged()])], tmp_path, "w", 1)
    path.unlink()
    path.mkdir()
    with pytest.raises(OSError, match="directory"):
        write([table_of([logged()])], tmp_path, "w", 1)
    assert list(tmp_path.iterdir()) == [path]


def test_the_rows_are_on_the_disk_before_the_file_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = record(monkeypatch)
    path = write([table_of([logged()])], tmp_path, "w", 1)
    beside, size = tmp_path / f".{path.name}.part", path.stat().st_size
    assert calls == [Call("fsync", beside, size=size), Call("replace", beside, path, size)]


def test_tidying_keeps_the_newest_of_all_writers(tmp_path: Path) -> None:
    names = [f"predictions-2025010{day}T000000.000Z-w{9 - day}-000001.parquet" for day in (3, 1, 2)]
    for name in (*names, "notes.txt"):
        (tmp_path / name).touch()
    tidy(tmp_path, 2)
    assert {path.name for path in tmp_path.iterdir()} == {names[0], names[2], "notes.txt"}
    tidy(tmp_path, 2)
    tidy(tmp_path / "none", 2)
    assert len(list(tmp_path.iterdir())) == 3
